/** What kept a connection from coming about, in words that name the host. */
import type { Origin, UpstreamCause, UpstreamFailure } from "./client.ts";
import type { DialPhase } from "./dial.ts";
import type { ConnectError } from "./happy-eyeballs.ts";
import { authority } from "./origin.ts";

const CAUSES: Readonly<Record<string, UpstreamCause>> = {
  ECONNREFUSED: "refused",
  ENETUNREACH: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  EHOSTDOWN: "unreachable",
  ETIMEDOUT: "connect_timeout",
  ECONNRESET: "reset",
};
/** Of several addresses that failed, the reason that says most. */
const TELLING: readonly UpstreamCause[] = ["refused", "reset", "connect_timeout", "unreachable"];

const PHASES: Readonly<Record<DialPhase, string>> = {
  name: "its name was not resolved",
  connect: "no TCP connection",
  proxy: "the proxy did not open the tunnel",
  tls: "the TLS handshake did not finish",
};

export function dnsFailure(origin: Origin, reason: string): UpstreamFailure {
  if (origin.proxy !== null) return { cause: "proxy", message: `proxy of ${origin.host}: ${reason}` };
  return { cause: "dns", message: reason };
}

export function connectFailure(origin: Origin, errors: readonly ConnectError[]): UpstreamFailure {
  const causes = errors.map(({ error }) => CAUSES[error.code ?? ""] ?? "unreachable");
  const cause = TELLING.find((each) => causes.includes(each)) ?? "unreachable";
  const tried = errors.map(({ address, error }) => `${address}: ${error.code ?? error.message}`).join(", ");
  if (origin.proxy !== null) {
    const proxy = authority(origin.proxy.host, origin.proxy.port);
    return { cause: "proxy", message: `no connection to the proxy ${proxy} (${tried})` };
  }
  return { cause, message: `no connection to ${authority(origin.host, origin.port)} (${tried})` };
}

export function connectTimeout(origin: Origin, phase: DialPhase, ms: number): UpstreamFailure {
  const where = authority(origin.host, origin.port);
  return { cause: "connect_timeout", message: `no connection to ${where} within ${ms} ms: ${PHASES[phase]}` };
}

export function poolFull(origin: Origin, why: string): UpstreamFailure {
  return {
    cause: "pool_full",
    message: `no free connection to ${authority(origin.host, origin.port)}: ${why}`,
  };
}
