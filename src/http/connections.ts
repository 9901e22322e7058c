/** How many connections are open, in all and per client address, and whether one more may be. */
import { readFileSync } from "node:fs";
import type { Clock } from "../base/clock.ts";
import { formatAddress } from "../base/net.ts";

export interface ConnectionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
}

/** Exact counts, for engines that say whose connection was closed. */
export interface ConnectionCounter {
  readonly open: number;
  /** Counts the connection; false = it is one too many (it still counts until `closed`). */
  opened(address: string): boolean;
  /** `address` "" = unknown. */
  closed(address: string): void;
}

/** How soon the kernel's table may be read again, milliseconds: it costs about 1 ms with 1,024 connections. */
const RECOUNT_MS = 100;

export function createConnectionCounter(
  limits: () => ConnectionLimits,
  isExempt: (address: string) => boolean,
): ConnectionCounter {
  const perClient = new Map<string, number>();
  let open = 0;
  return {
    get open() {
      return open;
    },
    opened(address) {
      open++;
      const count = (perClient.get(address) ?? 0) + 1;
      perClient.set(address, count);
      return mayStay(limits(), open, count, isExempt(address));
    },
    closed(address) {
      open--;
      const count = (perClient.get(address) ?? 0) - 1;
      if (count > 0) perClient.set(address, count);
      else perClient.delete(address);
    },
  };
}

/**
 * For uWebSockets.js, which says that a connection was closed but not whose: closes are not subtracted, so a client's
 * figure is an upper bound; when it reaches the bound, the true figures are read from the kernel (`countFromKernel`).
 */
export function createEstimatingCounter(
  limits: () => ConnectionLimits,
  isExempt: (address: string) => boolean,
  clock: Clock,
  countFromKernel: () => Map<string, number> | null,
): ConnectionCounter {
  let upper = new Map<string, number>();
  let open = 0;
  let counted = Number.NEGATIVE_INFINITY;
  const recount = () => {
    const now = clock.now();
    if (now - counted < RECOUNT_MS) return;
    counted = now;
    // Without the table nothing is known of single clients: the bound over all of them is what is left.
    upper = countFromKernel() ?? new Map();
  };
  return {
    get open() {
      return open;
    },
    opened(address) {
      open++;
      const { maxConnectionsPerClient, maxConnections } = limits();
      let count = (upper.get(address) ?? 0) + 1;
      upper.set(address, count);
      if (maxConnectionsPerClient > 0 && count > maxConnectionsPerClient && !isExempt(address)) {
        recount();
        count = upper.get(address) ?? 1;
      } else if (upper.size > 4 * maxConnections) {
        recount();
        if (upper.size > 4 * maxConnections) upper.clear();
      }
      return mayStay(limits(), open, count, isExempt(address));
    },
    closed() {
      open--;
    },
  };
}

function mayStay(limits: ConnectionLimits, open: number, ofClient: number, exempt: boolean): boolean {
  if (open > limits.maxConnections) return false;
  return exempt || limits.maxConnectionsPerClient === 0 || ofClient <= limits.maxConnectionsPerClient;
}

const TABLES = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

/** Open connections to one of our ports by peer address, from Linux's socket table; null where there is none. */
export function countConnections(
  ports: ReadonlySet<number>,
  readTable: (path: string) => string = (path) => readFileSync(path, "latin1"),
): Map<string, number> | null {
  const counts = new Map<string, number>();
  let found = false;
  for (const path of TABLES) {
    let table: string;
    try {
      table = readTable(path);
    } catch {
      continue; // A kernel without IPv6 has no tcp6; without /proc there is neither.
    }
    found = true;
    for (const line of table.split("\n")) {
      const row = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]{8,32}):[0-9A-F]{4} ([0-9A-F]{2}) /.exec(line);
      if (row === null || !ports.has(Number.parseInt(row[1] ?? "", 16))) continue;
      // 06 TIME_WAIT, 07 CLOSE, 0A LISTEN hold no connection of ours.
      if (row[3] === "06" || row[3] === "07" || row[3] === "0A") continue;
      const address = formatAddress(readKernelAddress(row[2] ?? ""));
      counts.set(address, (counts.get(address) ?? 0) + 1);
    }
  }
  return found ? counts : null;
}

/** The kernel prints an address as 32-bit words in host order; both shipped machines are little-endian. */
function readKernelAddress(hex: string): Uint8Array {
  const bytes = Buffer.from(hex, "hex");
  return bytes.swap32();
}
