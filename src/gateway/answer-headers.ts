/** The head of an answer: what passes from the upstream, and what the gateway says of the route (20-http.md, Returned). */
import type { HeaderList } from "../base/headers.ts";

/** Connection-level headers of RFC 9110 7.6.1, and what must not cross a shared gateway. */
const DROPPED: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "set-cookie",
  "alt-svc",
  "content-length",
  "date",
  "server-timing",
  "x-request-id",
  "request-id",
]);

export interface UpstreamHeaderRules {
  /** The body leaves as it came: its type and encoding are the upstream's word. */
  readonly sameBody: boolean;
  /** The upstream's rate-limit headers are true for the caller (exactly one attempt, no limits of ours). */
  readonly rateLimits: boolean;
}

/** Appends the upstream's headers that may pass. Its request id moves to `x-sluice-upstream-request-id`. */
export function appendUpstreamHeaders(to: string[], headers: HeaderList, rules: UpstreamHeaderRules): void {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? "";
    const value = headers[i + 1] ?? "";
    if (DROPPED.has(name)) {
      if (name === "x-request-id" || name === "request-id") to.push("x-sluice-upstream-request-id", value);
      continue;
    }
    if (name.startsWith("x-sluice-") || name.startsWith("access-control-")) continue;
    if (!rules.sameBody && (name === "content-type" || name === "content-encoding" || name === "etag"))
      continue;
    if (!rules.rateLimits && isRateLimit(name)) continue;
    to.push(name, value);
  }
}

function isRateLimit(name: string): boolean {
  return (
    name.startsWith("x-ratelimit-") ||
    name.startsWith("anthropic-ratelimit-") ||
    name.startsWith("x-trial-endpoint-") ||
    name === "retry-after" ||
    name === "retry-after-ms"
  );
}

/** What `server-timing` shows, in milliseconds. */
export interface Timing {
  readonly queue: number;
  readonly policy: number;
  readonly upstream: number;
  readonly total: number;
}

/** `queue;dur=0.1, …` with a tenth of a millisecond's resolution. */
export function formatTiming(timing: Timing): string {
  return `queue;dur=${tenths(timing.queue)}, policy;dur=${tenths(timing.policy)}, upstream;dur=${tenths(timing.upstream)}, total;dur=${tenths(timing.total)}`;
}

/** Milliseconds with one decimal. By whole numbers: writing a fraction costs ten times as much. */
export function tenths(ms: number): string {
  const all = Math.round(ms * 10);
  const rest = all % 10;
  return rest === 0 ? `${all / 10}` : `${(all - rest) / 10}.${rest}`;
}
