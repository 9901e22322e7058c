/** Names to addresses: literals and /etc/hosts at once, then c-ares; old answers carry the client through a dead resolver. */
import dns from "node:dns";
import { isIP } from "node:net";
import type { Time } from "../base/clock.ts";
import type { HostsFile } from "./hosts-file.ts";

/** Asks a name server. `code` is "" or the error code of c-ares, e.g. `ENOTFOUND`, `ETIMEOUT`. */
export interface NameServer {
  query(name: string, family: 4 | 6, done: (code: string, addresses: readonly string[]) => void): void;
  /** After a failure: the system's servers may have changed meanwhile. */
  renew(): void;
  close(): void;
}

export interface Names {
  /** Both families, in the order in which they came. `error` is "" or a reason for people. */
  resolve(name: string, done: (error: string, addresses: readonly string[]) => void): void;
  close(): void;
}

/** An answer is good for so long; and may be used, when there is no other, for so long. */
const FRESH_MS = 30_000;
const STALE_MS = 3_600_000;
/** What one family waits for the other (RFC 8305 3). */
const FAMILY_GRACE_MS = 50;
/** What a caller with an old answer waits for a new one. */
const STALE_PATIENCE_MS = 500;
const MAX_NAMES = 256;
const MAX_ADDRESSES = 16;

/** c-ares: 2 s, twice; `servers` as `host:port`, default the system's. */
export function createNameServer(servers?: readonly string[]): NameServer {
  let resolver = create();
  function create(): dns.Resolver {
    const made = new dns.Resolver({ timeout: 2000, tries: 2 });
    if (servers !== undefined) made.setServers(servers);
    return made;
  }
  return {
    query(name, family, done) {
      const answered = (error: NodeJS.ErrnoException | null, addresses: string[]) =>
        done(error === null ? "" : (error.code ?? "UNKNOWN"), error === null ? addresses : []);
      if (family === 4) resolver.resolve4(name, answered);
      else resolver.resolve6(name, answered);
    },
    renew() {
      resolver = create();
    },
    close: () => resolver.cancel(),
  };
}

type Waiter = (error: string, addresses: readonly string[]) => void;

interface Name {
  addresses: readonly string[];
  /** When the addresses came; -Infinity = never. */
  at: number;
  /** Why the last query failed; "" = it did not. */
  failed: string;
  /** Those who wait for the query that runs; null = none runs. */
  waiters: Set<Waiter> | null;
}

export function createNames(time: Time, hosts: HostsFile, server: NameServer): Names {
  const known = new Map<string, Name>();
  const { clock, timers } = time;

  function entryFor(name: string): Name {
    const found = known.get(name);
    if (found !== undefined) {
      known.delete(name); // put back at the end: the first is the one not used for longest
      known.set(name, found);
      return found;
    }
    const entry: Name = { addresses: [], at: Number.NEGATIVE_INFINITY, failed: "", waiters: null };
    known.set(name, entry);
    for (const [oldest, old] of known) {
      if (known.size <= MAX_NAMES) break;
      if (old.waiters === null) known.delete(oldest);
    }
    return entry;
  }

  function ask(name: string, entry: Name, waiter: Waiter): void {
    if (entry.waiters !== null) {
      entry.waiters.add(waiter);
      return;
    }
    entry.waiters = new Set([waiter]);
    queryBoth(time, server, name, (code, addresses) => {
      const waiters = entry.waiters ?? new Set();
      entry.waiters = null;
      entry.failed = code;
      if (code === "") {
        entry.addresses = addresses;
        entry.at = clock.now();
      } else if (isDown(code)) {
        server.renew();
      }
      for (const each of waiters) each(code, addresses);
    });
  }

  function fromServer(name: string, done: Waiter): void {
    const entry = entryFor(name);
    const age = clock.now() - entry.at;
    const old = age < STALE_MS ? entry.addresses : [];
    if (age < FRESH_MS) {
      done("", entry.addresses);
    } else if (old.length === 0) {
      ask(name, entry, (code, addresses) => done(code === "" ? "" : reasonOf(name, code), addresses));
    } else if (isDown(entry.failed)) {
      ask(name, entry, () => {}); // whoever comes next learns of it
      done("", old);
    } else {
      askPatiently(name, entry, old, done);
    }
  }

  /** With an old answer in hand: a new one if it comes soon or says that the name is gone. */
  function askPatiently(name: string, entry: Name, old: readonly string[], done: Waiter): void {
    const patience = timers.start(STALE_PATIENCE_MS, () => {
      entry.waiters?.delete(settle);
      done("", old);
    });
    const settle: Waiter = (code, addresses) => {
      patience.cancel();
      if (code === "") done("", addresses);
      else if (isDown(code)) done("", old);
      else done(reasonOf(name, code), []);
    };
    ask(name, entry, settle);
  }

  return {
    resolve(name, done) {
      if (isIP(name) !== 0) {
        done("", [name]);
        return;
      }
      const lower = name.toLowerCase().replace(/\.$/, "");
      hosts.lookup(lower).then((addresses) => {
        if (addresses.length > 0) done("", addresses);
        else if (lower === "localhost" || lower.endsWith(".localhost"))
          done("", ["127.0.0.1", "::1"]); // RFC 6761 6.3
        else fromServer(lower, done);
      });
    },
    close: () => server.close(),
  };
}

/** A and AAAA at once; done with what came when one has come and the other is late. */
function queryBoth(
  time: Time,
  server: NameServer,
  name: string,
  done: (code: string, addresses: readonly string[]) => void,
): void {
  const codes: string[] = [];
  const found: string[] = [];
  let finished = false;
  const grace = time.timers.start(FAMILY_GRACE_MS, finish);
  grace.cancel();
  function finish(): void {
    if (finished) return;
    finished = true;
    grace.cancel();
    // a name without AAAA is no error; a dead resolver is worth more than "no such record"
    const code = found.length > 0 ? "" : (codes.find(isDown) ?? codes[0] ?? "ENODATA");
    done(code, found.slice(0, MAX_ADDRESSES));
  }
  for (const family of [6, 4] as const) {
    server.query(name, family, (code, addresses) => {
      codes.push(code === "" && addresses.length === 0 ? "ENODATA" : code);
      found.push(...addresses);
      if (codes.length === 2) finish();
      else if (found.length > 0) grace.restart(FAMILY_GRACE_MS);
    });
  }
}

/** True when no name server answered, false when one said that there is no such name. */
function isDown(code: string): boolean {
  return code !== "" && code !== "ENOTFOUND" && code !== "ENODATA" && code !== "EBADNAME";
}

function reasonOf(name: string, code: string): string {
  return isDown(code)
    ? `no name server answered for ${name} (${code})`
    : `${name} does not resolve (${code})`;
}
