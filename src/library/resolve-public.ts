/** `resolvePublic` with the system's name servers and nothing left open afterwards. */
import { createSystemTime } from "../base/system-time.ts";
import { createNameServer, createNames } from "../upstream/dns.ts";
import { createHostsFile } from "../upstream/hosts-file.ts";
import { resolvePublic as resolveThrough } from "../upstream/public-address.ts";

/**
 * The public addresses of a host name or literal. Connect to these and to no others. Rejects with a Failure: 400
 * `private_address` when the host or any of its addresses is private, 502 `upstream_dns` when it does not resolve.
 */
export async function resolvePublic(host: string): Promise<readonly string[]> {
  if (typeof host !== "string") throw new TypeError("host: allowed: a host name or an IP address");
  const time = createSystemTime();
  const names = createNames(time, createHostsFile(time.clock), createNameServer());
  try {
    return await resolveThrough(names, host);
  } finally {
    names.close();
  }
}
