/** /etc/hosts, read by ourselves: the system's own look-up blocks a pool thread for as long as a dead resolver takes. */
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import type { Clock } from "../base/clock.ts";

const FRESH_MS = 5000;
const MAX_BYTES = 1024 * 1024;

export interface HostsFile {
  /** Addresses of a name, [] when the file has none; read again when the last look is over 5 s old. */
  lookup(name: string): Promise<readonly string[]>;
}

export function createHostsFile(clock: Clock, path = "/etc/hosts"): HostsFile {
  let names: Promise<ReadonlyMap<string, readonly string[]>> | null = null;
  let readAt = 0;
  return {
    async lookup(name) {
      if (names === null || clock.now() - readAt >= FRESH_MS) {
        readAt = clock.now();
        // a system without the file, or one that may not be read, has no names in it
        names = readFile(path, "utf8").then(parseHosts, () => new Map());
      }
      return (await names).get(name) ?? [];
    },
  };
}

/** hosts(5): an address, then its names; `#` begins a comment. Names in lower case. */
export function parseHosts(text: string): Map<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const line of text.slice(0, MAX_BYTES).split("\n")) {
    const [address = "", ...aliases] = line.replace(/#.*/, "").trim().toLowerCase().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const alias of aliases) {
      const known = names.get(alias);
      if (known === undefined) names.set(alias, [address]);
      else if (!known.includes(address)) known.push(address);
    }
  }
  return names;
}
