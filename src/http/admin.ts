/** Who may use the administrative routes, by address. The token is checked after it. */
import { type Cidr, matchesCidr, parseAddress, parseCidr } from "../base/net.ts";
import type { Client } from "./peer.ts";

export interface AdminAllow {
  readonly loopback: boolean;
  readonly lan: boolean;
  readonly cidrs: readonly Cidr[];
}

/** Reads `[admin] allow`; entries are checked by the configuration, others are ignored. */
export function parseAdminAllow(entries: readonly string[]): AdminAllow {
  return {
    loopback: entries.includes("loopback"),
    lan: entries.includes("lan"),
    cidrs: entries.flatMap((entry) => parseCidr(entry) ?? []),
  };
}

/** Loopback, LAN (loopback included) or a listed prefix; never through a proxy or tunnel nobody vouches for. */
export function isAdminPeer(client: Client, allow: AdminAllow): boolean {
  if (client.unknownProxy) return false;
  if (client.scope === "loopback" && (allow.loopback || allow.lan)) return true;
  if (client.scope === "lan" && allow.lan) return true;
  const bytes = parseAddress(client.address);
  return bytes !== null && allow.cidrs.some((cidr) => matchesCidr(cidr, bytes));
}

/** For the message of the 403: `loopback, lan`. */
export function describeAllow(entries: readonly string[]): string {
  return entries.length === 0 ? "nobody" : entries.join(", ");
}
