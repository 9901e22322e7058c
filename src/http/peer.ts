/** Who stands behind a connection: the peer itself, or the client a trusted proxy speaks for. */
import { type HeaderList, headerValue } from "../base/headers.ts";
import {
  type Cidr,
  classifyAddress,
  formatAddress,
  matchesCidr,
  type PeerScope,
  parseAddress,
} from "../base/net.ts";
import type { Peer } from "./exchange.ts";

export interface PeerRules {
  /** Proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly Cidr[];
  /** On-link IPv6 prefixes that count as LAN (`server.lan_interfaces`). */
  readonly onLink: readonly Cidr[];
  /** The device's own addresses, canonical: a connection from one of them was made on the device. */
  readonly ownAddresses: ReadonlySet<string>;
}

export interface Client {
  /** Canonical address of the client; the peer's own when nothing better is known. */
  readonly address: string;
  readonly scope: PeerScope;
  /** A forwarding header came from a peer that is not trusted: something unknown stands in front. Warned once by the caller. */
  readonly unknownProxy: boolean;
}

/**
 * From a trusted proxy: the last address in X-Forwarded-For that is no trusted proxy itself (what stands before it was
 * written by whoever came). From anybody else a forwarding header makes the client neither loopback nor LAN.
 */
export function identifyClient(peer: Peer, headers: HeaderList, rules: PeerRules): Client {
  const bytes = parseAddress(peer.address);
  if (bytes === null) return { address: peer.address, scope: "remote", unknownProxy: false };
  if (!isForwardedFor(headers))
    return { address: peer.address, scope: scopeOf(bytes, peer, rules), unknownProxy: false };
  if (!isTrusted(bytes, rules)) return { address: peer.address, scope: "remote", unknownProxy: true };
  const client = readForwardedFor(headers, rules);
  // A trusted proxy that sends only headers we do not read, or nonsense: nothing is known of the client.
  if (client === null) return { address: peer.address, scope: "remote", unknownProxy: false };
  return {
    address: formatAddress(client),
    scope: classifyAddress(client, rules.onLink),
    unknownProxy: false,
  };
}

/** Somebody says the request is another's. */
export function isForwardedFor(headers: HeaderList): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i];
    if (name === "x-forwarded-for" || name === "forwarded" || name === "x-real-ip") return true;
  }
  return false;
}

/** `true` when the address belongs to a trusted proxy: many clients share its connections. */
export function isTrustedProxy(address: string, trusted: readonly Cidr[]): boolean {
  const bytes = parseAddress(address);
  return bytes !== null && trusted.some((cidr) => matchesCidr(cidr, bytes));
}

function scopeOf(bytes: Uint8Array, peer: Peer, rules: PeerRules): PeerScope {
  // `sluice status` on a router that is bound to 192.168.1.1 comes from 192.168.1.1.
  if (peer.address === peer.localAddress || rules.ownAddresses.has(peer.address)) return "loopback";
  return classifyAddress(bytes, rules.onLink);
}

function readForwardedFor(headers: HeaderList, rules: PeerRules): Uint8Array | null {
  const hops: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === "x-forwarded-for") hops.push(...(headers[i + 1] ?? "").split(","));
  }
  if (hops.length === 0) {
    const real = headerValue(headers, "x-real-ip");
    return real === "" ? null : parseHop(real);
  }
  for (let i = hops.length - 1; i >= 0; i--) {
    const bytes = parseHop(hops[i] ?? "");
    if (bytes === null) return null;
    if (i === 0 || !isTrusted(bytes, rules)) return bytes;
  }
  return null;
}

/** An address, some proxies add the port: `192.0.2.1:1234`, `[2001:db8::1]:1234`. */
function parseHop(text: string): Uint8Array | null {
  const hop = text.trim();
  const port = /^(\[[^\]]+\]|[\d.]+):\d{1,5}$/.exec(hop);
  return parseAddress(port?.[1] ?? hop);
}

function isTrusted(bytes: Uint8Array, rules: PeerRules): boolean {
  return rules.trustedProxies.some((cidr) => matchesCidr(cidr, bytes));
}
