/** Origins for URLs that came with a request: resolved once, checked, and pinned to the addresses that were checked. */
import type { Time } from "../base/clock.ts";
import type { Origin } from "./client.ts";
import { createNameServer, createNames, type NameServer, type Names } from "./dns.ts";
import { createHostsFile } from "./hosts-file.ts";
import { originOf } from "./origin.ts";
import { resolvePublic } from "./public-address.ts";

export interface PublicOrigins {
  /** Rejects with a Failure: `private_address`, or `upstream_dns`. Never through a proxy, which would resolve again. */
  readonly open: (url: URL) => Promise<Origin>;
  close(): void;
}

const MAX_CONNECTIONS = 8;

/** `nameServer`: default the system's, made when it is first needed. */
export function createPublicOrigins(time: Time, nameServer?: NameServer): PublicOrigins {
  let names: Names | null = null;
  return {
    async open(url) {
      names ??= createNames(time, createHostsFile(time.clock), nameServer ?? createNameServer());
      const addresses = await resolvePublic(names, url.hostname);
      const origin = originOf(url, { maxConnections: MAX_CONNECTIONS });
      return { ...origin, key: `${origin.key} at ${[...addresses].sort().join()}`, addresses };
    },
    close: () => names?.close(),
  };
}
