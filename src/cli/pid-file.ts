/** The PID file: which gateway runs on this machine, and where it listens. JSON, so that commands need nothing else. */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import type { Env } from "../config/variables.ts";
import { replaceFile } from "./replace-file.ts";
import { pidFolders } from "./runtime-folder.ts";

export interface RunningGateway {
  readonly pid: number;
  /** When the process began, in the kernel's ticks: tells it from a later process of the same number. "" = unknown. */
  readonly ticks: string;
  /** As listened on: an address, `::` or `0.0.0.0`. */
  readonly host: string;
  readonly port: number;
  /** Port of `server.metrics_listen`; 0 = none. */
  readonly metricsPort: number;
  readonly tls: boolean;
  /** Absolute path of the configuration; "" = the built-in default. */
  readonly config: string;
  /** Milliseconds; how long a stop may take. */
  readonly drainTimeout: number;
}

const NAME = /^sluice(?:-\d+)?\.pid$/;
const MAX_BYTES = 4096;

/** Keeps this process's entry up to date; `remove` at the end. Both do nothing where no folder can be written. */
export interface PidFile {
  /** "" while there is none. */
  readonly path: string;
  write(gateway: Omit<RunningGateway, "pid" | "ticks">): void;
  remove(): void;
}

export function createPidFile(env: Env): PidFile {
  let written = "";
  return {
    get path() {
      return written;
    },
    write(gateway) {
      const entry: RunningGateway = { pid: process.pid, ticks: startTicks(process.pid), ...gateway };
      for (const path of candidates(env, written)) {
        try {
          replaceFile(path, `${JSON.stringify(entry)}\n`, 0o644);
          written = path;
          return;
        } catch {
          // Not ours to write (another user's file in /tmp, a read-only root): the next folder may do.
        }
      }
    },
    remove() {
      if (written !== "" && readEntry(written)?.pid === process.pid) rmSync(written, { force: true });
      written = "";
    },
  };
}

/**
 * Gateways that run now, by folder, the user's own before the machine's. Files of dead processes, and what is no such
 * file, are passed over.
 */
export function findRunning(env: Env): RunningGateway[][] {
  const seen = new Set<number>();
  return pidFolders(env).map((folder) =>
    listFolder(folder).flatMap((name) => {
      const entry = NAME.test(name) ? readEntry(join(folder, name)) : null;
      if (entry === null || !isAlive(entry) || seen.has(entry.pid)) return [];
      seen.add(entry.pid);
      return [entry];
    }),
  );
}

/** True while the very process of the entry runs; one that has ended but was not waited for does not. */
export function isAlive({ pid, ticks }: Pick<RunningGateway, "pid" | "ticks">): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const stat = readStat(pid);
  if (stat === null) return true;
  return stat.state !== "Z" && (ticks === "" || stat.ticks === ticks);
}

/** One's own file again; else the usual name, or the one with the process's number where another gateway has that. */
function candidates(env: Env, written: string): string[] {
  if (written !== "") return [written];
  return pidFolders(env).map((folder) => {
    const usual = join(folder, "sluice.pid");
    const holder = readEntry(usual);
    const taken = holder !== null && holder.pid !== process.pid && isAlive(holder);
    return taken ? join(folder, `sluice-${process.pid}.pid`) : usual;
  });
}

/**
 * The entry, or null. The file must be a regular one and belong to the owner of the process it names: otherwise
 * anybody who may write to /tmp could have root's `sluice stop` end a process of his choice.
 */
function readEntry(path: string): RunningGateway | null {
  let file = -1;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.size > MAX_BYTES) return null;
    const entry = parseEntry(JSON.parse(readFileSync(file, "utf8")));
    if (entry === null) return null;
    const owner = statSync(`/proc/${entry.pid}`, { throwIfNoEntry: false })?.uid;
    return owner === undefined || owner === stat.uid || stat.uid === 0 ? entry : null;
  } catch {
    return null; // Gone, a link, not ours to read, or no JSON: no entry.
  } finally {
    if (file >= 0) closeSync(file);
  }
}

function parseEntry(value: unknown): RunningGateway | null {
  if (typeof value !== "object" || value === null) return null;
  const { pid, ticks, host, port, metricsPort, tls, config, drainTimeout } = value as Record<string, unknown>;
  if (!Number.isInteger(pid) || !Number.isInteger(port) || typeof host !== "string") return null;
  if (Number(pid) < 2) return null;
  return {
    pid: Number(pid),
    ticks: typeof ticks === "string" ? ticks : "",
    host,
    port: Number(port),
    metricsPort: typeof metricsPort === "number" ? metricsPort : 0,
    tls: tls === true,
    config: typeof config === "string" ? config : "",
    drainTimeout: typeof drainTimeout === "number" ? drainTimeout : 30_000,
  };
}

function startTicks(pid: number): string {
  return readStat(pid)?.ticks ?? "";
}

/** State and start time from /proc (proc(5), fields 3 and 22); null where there is no such thing. */
function readStat(pid: number): { readonly state: string; readonly ticks: string } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in brackets may hold spaces and brackets of its own.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", ticks: fields[19] ?? "" };
  } catch {
    return null; // Other systems, or a process that has just ended.
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // Not ours to read.
  }
}
