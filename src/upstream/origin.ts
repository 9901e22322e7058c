/** Makes the `Origin` of a base URL: where to connect, and the identity under which connections are kept. */
import { createHash } from "node:crypto";
import type { Origin, UpstreamProxy } from "./client.ts";

export interface OriginOptions {
  /** Extra CA certificates, PEM. */
  readonly ca?: readonly string[];
  /** Default: none. `proxyFor` reads the environment. */
  readonly proxy?: UpstreamProxy | null;
  /** Default 256. */
  readonly maxConnections?: number;
}

const DEFAULT_MAX_CONNECTIONS = 256;

/** Only scheme, host and port of the URL are used. Throws a TypeError on anything but http and https. */
export function originOf(url: string | URL, options: OriginOptions = {}): Origin {
  const parsed = typeof url === "string" ? new URL(url) : url;
  const tls = parsed.protocol === "https:";
  if (!tls && parsed.protocol !== "http:") throw new TypeError(`neither http nor https: ${parsed.protocol}`);
  const host = parsed.hostname.replace(/^\[|\]$/g, "");
  const port = parsed.port === "" ? (tls ? 443 : 80) : Number(parsed.port);
  const ca = options.ca ?? [];
  const proxy = options.proxy ?? null;
  return {
    key: `${tls ? "https" : "http"}://${authority(host, port)}${identity(ca, proxy)}`,
    tls,
    host,
    port,
    ca,
    proxy,
    maxConnections: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
  };
}

/** `host:port` with brackets around an IPv6 literal. */
export function authority(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Value of the Host header: the port only where it is not the scheme's own. */
export function hostHeader(origin: Origin): string {
  const usual = origin.port === (origin.tls ? 443 : 80);
  return usual
    ? authority(origin.host, origin.port).replace(/:\d+$/, "")
    : authority(origin.host, origin.port);
}

/** What sets origins of one address apart, without showing a credential. */
function identity(ca: readonly string[], proxy: UpstreamProxy | null): string {
  let text = "";
  if (proxy !== null) {
    const credential = proxy.authorization === "" ? "" : `#${digest([proxy.authorization])}`;
    text += ` via ${proxy.tls ? "https" : "http"}://${authority(proxy.host, proxy.port)}${credential}`;
  }
  return ca.length === 0 ? text : `${text} ca ${digest(ca)}`;
}

function digest(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex").slice(0, 16);
}
