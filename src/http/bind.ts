/** Which address a listener binds, and why binding it failed, in words. */
import { createServer } from "node:net";
import type { ListenAddress } from "./engine.ts";

export interface BindTarget {
  readonly host: string;
  /** IPv6 without the IPv4-mapped half. */
  readonly ipv6Only: boolean;
}

/** The addresses to try in turn: `dual` falls back to IPv4 where the kernel has no IPv6. */
export function bindTargets(address: ListenAddress): readonly BindTarget[] {
  if (address.host !== "") return [{ host: address.host, ipv6Only: false }];
  if (address.bindFamily === "ipv4") return [{ host: "0.0.0.0", ipv6Only: false }];
  if (address.bindFamily === "ipv6") return [{ host: "::", ipv6Only: true }];
  return [
    { host: "::", ipv6Only: false },
    { host: "0.0.0.0", ipv6Only: false },
  ];
}

/** True when the error means that this kernel has no IPv6, so that the next target may work. */
export function isFamilyMissing(code: string): boolean {
  return code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL" || code === "EINVAL";
}

const REASONS: Record<string, string> = {
  EADDRINUSE: "the port is in use by another program",
  EACCES: "not permitted (ports below 1024 need CAP_NET_BIND_SERVICE)",
  EADDRNOTAVAIL: "the address is not one of this device",
  EAFNOSUPPORT: "this kernel does not speak that address family",
  ENOTFOUND: "the name does not resolve",
};

/** The error every engine rejects with; `code` is the system's (EADDRINUSE …). */
export function bindError(target: BindTarget, port: number, code: string): Error & { code: string } {
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  const reason = REASONS[code] ?? "cannot be bound";
  return Object.assign(new Error(`cannot listen on ${host}:${port}: ${reason} (${code})`), { code });
}

/** What the system says about binding an address: uWebSockets.js only says that it failed. "" = it works. */
export function probeBind(target: BindTarget, port: number): Promise<string> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "UNKNOWN"));
    probe.listen({ host: target.host, port, ipv6Only: target.ipv6Only, exclusive: true }, () => {
      probe.close(() => resolve(""));
    });
  });
}
