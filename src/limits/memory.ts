/** The memory that request bodies may take, all together: permits, and how much there is to give on this machine. */
import { Failure } from "../base/failure.ts";

export interface MemoryBudget {
  /** Bytes that may be held, and that are held. */
  readonly cap: number;
  readonly used: number;
  /** Requests turned away because the budget was full. */
  readonly rejected: number;
  /**
   * Takes `bytes` more for a body that holds `held` already; null = granted. 413 when the body could never fit, else
   * 429 `buffer_full` with a second to wait.
   */
  admit(bytes: number, held: number): Failure | null;
  release(bytes: number): void;
  /** After a reload; what is held stays held. */
  setCap(bytes: number): void;
}

const MIB = 1024 * 1024;
/** What the program itself needs. */
const RESERVED = 64 * MIB;
const SMALLEST = 8 * MIB;
const LARGEST = 1024 * MIB;
/** The kernel's way to say "no limit" is a number near 2^63. */
const NO_LIMIT = 2 ** 60;

export function createMemoryBudget(capBytes: number): MemoryBudget {
  return new Budget(capBytes);
}

/** A class, asked twice for each request: a literal with accessors is a hash table to V8. */
class Budget implements MemoryBudget {
  used = 0;
  rejected = 0;

  constructor(public cap: number) {}

  admit(bytes: number, held: number): Failure | null {
    const { cap } = this;
    if (held + bytes > cap) {
      const message = `the request body is larger than the ${cap} bytes kept for all bodies`;
      return new Failure("too_large", message, { code: "request_too_large" });
    }
    if (this.used + bytes > cap) {
      this.rejected++;
      return new Failure("rate_limit", "the memory for request bodies is full; try again shortly", {
        code: "buffer_full",
        retryAfterMs: 1000,
      });
    }
    this.used += bytes;
    return null;
  }

  release(bytes: number): void {
    this.used = Math.max(0, this.used - bytes);
  }

  setCap(bytes: number): void {
    this.cap = bytes;
  }
}

/**
 * `max_buffered_bytes = "auto"`: half of what is left of the memory limit after 64 MiB, from 8 MiB to 1 GiB. The limit
 * is the smallest of the process's control groups (v2, v1), else half of MemAvailable, else half of `freeBytes`.
 * `readFile` throws or returns text; it is asked for files under /proc and /sys.
 */
export function deriveBufferBytes(readFile: (path: string) => string, freeBytes: number): number {
  const read = (path: string): string => {
    try {
      return readFile(path);
    } catch {
      return ""; // Each of these files is missing on some kernel.
    }
  };
  const limit = readGroupLimit(read) ?? (readMemAvailable(read) ?? freeBytes) / 2;
  return Math.floor(Math.min(LARGEST, Math.max(SMALLEST, (limit - RESERVED) / 2)));
}

function readGroupLimit(read: (path: string) => string): number | null {
  let smallest = Number.POSITIVE_INFINITY;
  for (const line of read("/proc/self/cgroup").split("\n")) {
    // hierarchy:controllers:path, "0::" for version 2
    const [hierarchy, controllers = "", ...rest] = line.split(":");
    const path = rest.join(":");
    if (path === "") continue;
    if (hierarchy === "0" && controllers === "") {
      for (const folder of ancestors(path))
        smallest = lower(smallest, read(`/sys/fs/cgroup${folder}memory.max`));
    } else if (controllers.split(",").includes("memory")) {
      for (const folder of ancestors(path)) {
        smallest = lower(smallest, read(`/sys/fs/cgroup/memory${folder}memory.limit_in_bytes`));
      }
    }
  }
  return smallest < NO_LIMIT ? smallest : null;
}

/** `/a/b` -> `/a/b/`, `/a/`, `/`: a limit anywhere above holds as well; in a container only `/` is there to be read. */
function ancestors(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== "..");
  return Array.from({ length: parts.length + 1 }, (_, index) => {
    const kept = parts.slice(0, parts.length - index);
    return kept.length === 0 ? "/" : `/${kept.join("/")}/`;
  });
}

function lower(smallest: number, text: string): number {
  const value = /^\d+\s*$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  return Math.min(smallest, value);
}

function readMemAvailable(read: (path: string) => string): number | null {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(read("/proc/meminfo"))?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}
