/** Writes the head of a routed answer (20-http.md, Headers, Returned). */
import type { Clock } from "../base/clock.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import type { ResponseHead } from "../upstream/client.ts";
import { appendUpstreamHeaders, formatTiming } from "./answer-headers.ts";
import type { Attempt } from "./attempt.ts";
import type { RequestRecord } from "./record.ts";

export interface HeadOptions {
  /** The body leaves as it came. */
  readonly sameBody: boolean;
  /** Content type when it does not. */
  readonly contentType: string;
  readonly stream: boolean;
}

/** Headers of an answer of this attempt, name and value in turn. */
export function writeHead(
  record: RequestRecord,
  attempt: Attempt,
  head: ResponseHead,
  clock: Clock,
  options: HeadOptions,
): string[] {
  const headers: string[] = [];
  // A body that was decoded here leaves as identity.
  appendUpstreamHeaders(headers, head.headers, {
    sameBody: options.sameBody,
    rateLimits: record.attempts.length === 1 && attempt.number === 1,
  });
  if (!options.sameBody) headers.push("content-type", options.contentType);
  if (options.stream) headers.push("cache-control", "no-cache, no-transform", "x-accel-buffering", "no");
  const { target } = attempt;
  headers.push("x-sluice-provider", target.provider.name, "x-sluice-model", target.printable.model);
  appendRoute(headers, record, attempt.number, target.label);
  const now = clock.now();
  headers.push(
    "x-session-affinity",
    target.printable.label,
    "server-timing",
    formatTiming({
      queue: record.bodyAt - record.startedAt,
      policy: record.routedAt - record.bodyAt,
      upstream: now - attempt.startedAt,
      total: now - record.startedAt,
    }),
  );
  return headers;
}

/** Anthropic's SDKs read the id under their vendor's name for it (40-protocols.md 4.1). */
export function appendRequestId(headers: string[], protocol: ProtocolName, id: string): void {
  headers.push("x-request-id", id);
  if (protocol === "anthropic") headers.push("request-id", id);
}

/** What every answer of a routed request says, errors too. `target`: label of who answered; "" = nobody. */
export function appendRoute(headers: string[], record: RequestRecord, attempts: number, target = ""): void {
  appendRequestId(headers, record.protocol, record.from.requestId);
  headers.push("x-sluice-attempts", `${attempts}`);
  if (record.wanDown) headers.push("x-sluice-wan", "down");
  if (record.route !== "") headers.push("x-sluice-route", record.route);
  const warnings = record.warningsFor(target);
  for (let i = 0; i < warnings.length; i++) headers.push("x-sluice-warning", warnings[i] ?? "");
}
