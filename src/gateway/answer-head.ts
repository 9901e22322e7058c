/** Writes the head of a routed answer (20-http.md, Headers, Returned). */
import type { Clock } from "../base/clock.ts";
import { formatTimes, ServerTimes } from "../base/server-timing.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import type { ResponseHead } from "../upstream/client.ts";
import { upstreamHeaders } from "./answer-headers.ts";
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
  const headers = writeUntimed(record, attempt, head, options);
  headers.push("server-timing", formatTimes(timesOf(record, attempt, clock)));
  return headers;
}

/** How long it took until now. */
export function timesOf(record: RequestRecord, attempt: Attempt, clock: Clock): ServerTimes {
  const now = clock.now();
  return new ServerTimes(
    record.bodyAt - record.startedAt,
    record.routedAt - record.bodyAt,
    now - attempt.startedAt,
    now - record.startedAt,
  );
}

/** `writeHead` without the times, which the delivery adds. */
export function writeUntimed(
  record: RequestRecord,
  attempt: Attempt,
  head: ResponseHead,
  options: HeadOptions,
): string[] {
  const own = record.route === "" ? NAMES : ROUTED_NAMES;
  const isOnly = record.attempts.length === 1 && attempt.number === 1;
  const headers = upstreamHeaders(head, options.sameBody, isOnly, own);
  const { target } = attempt;
  const { length } = headers;
  if (record.route !== "") headers[length - 11] = record.route;
  headers[length - 9] = target.provider.name;
  headers[length - 7] = target.printable.model;
  headers[length - 5] = record.from.requestId;
  headers[length - 3] = `${attempt.number}`;
  headers[length - 1] = target.printable.label;
  // A body that was decoded here leaves as identity.
  if (!options.sameBody) headers.push("content-type", options.contentType);
  if (options.stream) headers.push("cache-control", "no-cache, no-transform", "x-accel-buffering", "no");
  if (record.protocol === "anthropic") headers.push(ANTHROPIC_ID, record.from.requestId);
  appendRemarks(headers, record, target.label);
  return headers;
}

const NAMES = [
  "x-sluice-provider",
  "x-sluice-model",
  "x-request-id",
  "x-sluice-attempts",
  "x-session-affinity",
];
const ROUTED_NAMES = ["x-sluice-route", ...NAMES];
/** Anthropic's SDKs read the id under their vendor's name for it (40-protocols.md 4.1). */
const ANTHROPIC_ID = "request-id";

export function appendRequestId(headers: string[], protocol: ProtocolName, id: string): void {
  headers.push("x-request-id", id);
  if (protocol === "anthropic") headers.push(ANTHROPIC_ID, id);
}

/** What an answer of a routed request says that is no target's. */
export function appendRoute(headers: string[], record: RequestRecord, attempts: number): void {
  appendRequestId(headers, record.protocol, record.from.requestId);
  headers.push("x-sluice-attempts", `${attempts}`);
  if (record.route !== "") headers.push("x-sluice-route", record.route);
  appendRemarks(headers, record, "");
}

/** What few answers have to say. `target`: label of who answered; "" = nobody. */
function appendRemarks(headers: string[], record: RequestRecord, target: string): void {
  if (record.wanDown) headers.push("x-sluice-wan", "down");
  const warnings = record.warningsFor(target);
  for (let i = 0; i < warnings.length; i++) headers.push("x-sluice-warning", warnings[i] ?? "");
}
