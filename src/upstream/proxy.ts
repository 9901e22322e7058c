/** Forward proxies: which one an origin goes through, as every SDK's users expect from the environment. */
import { isIP } from "node:net";
import type { UpstreamProxy } from "./client.ts";

/** What decides about the proxy of an origin. */
export interface ProxyTarget {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy the environment names for an origin: HTTPS_PROXY or HTTP_PROXY by its scheme, unless NO_PROXY holds it.
 * Lower case wins, as in curl. Throws a TypeError on a proxy URL that cannot be read.
 */
export function proxyFor(env: Environment, target: ProxyTarget): UpstreamProxy | null {
  if (isExcluded(read(env, "no_proxy"), target)) return null;
  const url = read(env, target.tls ? "https_proxy" : "http_proxy") || read(env, "all_proxy");
  return url === "" ? null : parseProxy(url);
}

/** Reads `http://user:password@host:port`; the scheme may be left out. Throws a TypeError that does not show the credentials. */
export function parseProxy(text: string): UpstreamProxy {
  const full = text.includes("://") ? text : `http://${text}`;
  const url = URL.canParse(full) ? new URL(full) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:") || url.hostname === "") {
    throw new TypeError("the proxy is not a URL of the form http://user:password@host:port");
  }
  const tls = url.protocol === "https:";
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (tls ? 443 : 80) : Number(url.port),
    tls,
    authorization: credentials === ":" ? "" : `Basic ${Buffer.from(credentials).toString("base64")}`,
  };
}

function read(env: Environment, name: string): string {
  return env[name] ?? env[name.toUpperCase()] ?? "";
}

/** NO_PROXY: names and their subdomains, with or without a leading dot, `host:port`, IP literals, IPv4 CIDRs, `*`. */
function isExcluded(list: string, target: ProxyTarget): boolean {
  const host = target.host.toLowerCase();
  for (const entry of list.toLowerCase().split(/[\s,]+/)) {
    if (entry === "") continue;
    if (entry === "*") return true;
    if (matches(entry, host, target.port)) return true;
  }
  return false;
}

function matches(entry: string, host: string, port: number): boolean {
  const withPort = /^(.*[^:]|\[.*\]):(\d+)$/.exec(entry);
  if (withPort !== null && isIP(entry) === 0) {
    return Number(withPort[2]) === port && matches(withPort[1] ?? "", host, port);
  }
  const bare = entry.replace(/^\[|\]$/g, "");
  if (bare === host) return true;
  if (bare.includes("/")) return isInNetwork(bare, host);
  if (isIP(bare) !== 0 || isIP(host) !== 0) return false;
  const domain = bare.replace(/^\*?\./, "");
  return host === domain || host.endsWith(`.${domain}`);
}

function isInNetwork(network: string, host: string): boolean {
  const [base = "", bits = ""] = network.split("/");
  if (isIP(base) !== 4 || isIP(host) !== 4 || !/^\d{1,2}$/.test(bits) || Number(bits) > 32) return false;
  const size = 2 ** (32 - Number(bits));
  return Math.floor(ipv4Number(base) / size) === Math.floor(ipv4Number(host) / size);
}

function ipv4Number(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
