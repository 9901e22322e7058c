/** What the configuration says about callers, compiled once: peers, pages, administrators. */
import { createHash, timingSafeEqual } from "node:crypto";
import { Failure } from "../base/failure.ts";
import { type HeaderList, headerValue } from "../base/headers.ts";
import { type Interfaces, parseCidr, readOnLinkPrefixes, readOwnAddresses } from "../base/net.ts";
import type { Config } from "../config/schema.ts";
import { describeAllow, isAdminPeer, parseAdminAllow } from "./admin.ts";
import type { BrowserRules } from "./browser.ts";
import { type Client, isTrustedProxy, type PeerRules } from "./peer.ts";

export interface Access {
  readonly peers: PeerRules;
  readonly browsers: BrowserRules;
  /** Why the caller may not use administrative routes, or null. */
  refuseAdmin(client: Client, headers: HeaderList): Failure | null;
  /** Peers that speak for many clients. */
  isProxy(address: string): boolean;
}

/** `interfaces`: what the system has now; prefixes of the LAN come and go with the provider's. */
export function compileAccess(config: Config, interfaces: Interfaces): Access {
  const { server, admin } = config;
  const trustedProxies = server.trustedProxies.flatMap((text) => parseCidr(text) ?? []);
  const allow = parseAdminAllow(admin.allow);
  const token = admin.token === "" ? null : digest(admin.token);
  const limited = `administrative routes are limited to ${describeAllow(admin.allow)}`;
  return {
    peers: {
      trustedProxies,
      onLink: readOnLinkPrefixes(interfaces, server.lanInterfaces),
      ownAddresses: readOwnAddresses(interfaces),
    },
    browsers: { hostNames: server.hostNames, corsOrigins: server.corsOrigins },
    refuseAdmin(client, headers) {
      if (!isAdminPeer(client, allow)) return forbidden(limited);
      if (token === null || timingSafeEqual(token, digest(bearerToken(headers)))) return null;
      return forbidden(`${limited}, with the administrator's token in "Authorization: Bearer"`);
    },
    isProxy: (address) => isTrustedProxy(address, trustedProxies),
  };
}

function bearerToken(headers: HeaderList): string {
  return /^bearer (.+)$/i.exec(headerValue(headers, "authorization"))?.[1]?.trim() ?? "";
}

/** Equal lengths, so that the comparison tells nothing about the token's. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text, "utf8").digest();
}

function forbidden(message: string): Failure {
  return new Failure("forbidden", message, { code: "admin_only" });
}
