/** The end of a request: counters, and the one line the log has of it, put together by hand (60-observability.md, Logs). */
import { tenths } from "./answer-headers.ts";
import { CLIENT_CLOSED } from "./body.ts";
import type { Core } from "./core.ts";
import type { Delivery } from "./delivery.ts";
import type { RequestRecord } from "./record.ts";

/** Called exactly once per request. */
export function settle(core: Core, record: RequestRecord, delivery: Delivery | null, status: number): void {
  if (record.ended) return;
  record.ended = true;
  record.dropBody();
  const { totals, time, log } = core;
  totals.active--;
  const failed = status >= 400 || record.failure !== null;
  if (failed) totals.failed++;
  record.from.onSettled?.(record);
  if (log.level === "warn" || log.level === "error") return;
  log.line(requestLine(record, delivery, status, time.clock.now(), time.clock.wall()));
}

/** Status for the log: 499 when the client went first. */
export function finalStatus(record: RequestRecord, delivery: Delivery): number {
  if (delivery.gone || record.failure?.code === CLIENT_CLOSED) return 499;
  return delivery.status;
}

function requestLine(
  record: RequestRecord,
  delivery: Delivery | null,
  status: number,
  now: number,
  wall: number,
): string {
  let line = `{"level":"info","time":${Math.round(wall)},"msg":"request","request_id":${quote(record.from.requestId)}`;
  const { caller, usage, failure } = record;
  if (caller !== null)
    line += caller.kind === "key" ? `,"key_id":${quote(caller.id)}` : `,"peer":${quote(caller.id)}`;
  else line += `,"peer":${quote(record.from.address)}`;
  line += `,"operation":"${record.operation}","protocol_in":"${record.protocol}"`;
  if (record.model !== "") line += `,"model":${quote(record.model)}`;
  if (record.answeredBy !== "") line += `,"target":${quote(record.answeredBy)}`;
  line += `,"status":${status},"stream":${record.stream},"attempts":${attemptList(record)}`;
  if (record.firstContentAt > 0) line += `,"ttft_ms":${tenths(record.firstContentAt - record.startedAt)}`;
  line += `,"duration_ms":${tenths(now - record.startedAt)},"bytes_in":${record.bytesIn},"bytes_out":${delivery?.bytesOut ?? 0}`;
  if (usage !== null) {
    line += `,"usage":{"input":${usage.input},"cached":${usage.cacheRead},"output":${usage.output},"reasoning":${usage.reasoning}}`;
  }
  const losses = record.warningsFor(record.answeredBy);
  if (losses.length > 0) line += `,"warnings":[${losses.map(quote).join(",")}]`;
  if (record.continued) line += ',"continued":true';
  if (failure !== null) line += `,"error":${quote(`${failure.code}: ${failure.message}`.slice(0, 500))}`;
  return `${line}}`;
}

function attemptList(record: RequestRecord): string {
  let list = "[";
  for (const note of record.attempts) {
    if (list.length > 1) list += ",";
    list += `{"target":${quote(note.target)},"ms":${tenths(note.ms)}`;
    if (note.cause !== "") list += `,"cause":"${note.cause}"`;
    if (note.status !== 0) list += `,"status":${note.status}`;
    list += "}";
  }
  return `${list}]`;
}

/** JSON text of a string; plain ones, which nearly all are, without a call into the serialiser. */
function quote(text: string): string {
  return /^[\w./:-]*$/.test(text) ? `"${text}"` : JSON.stringify(text);
}
