/** The end of a request: counters, and the one line the log has of it, put together by hand (60-observability.md, Logs). */
import type { Time } from "../base/clock.ts";
import type { LineWriter } from "../telemetry/gathered-lines.ts";
import { CLIENT_CLOSED } from "./body.ts";
import type { Core } from "./core.ts";
import type { Delivery } from "./delivery.ts";
import type { AttemptNote, RequestRecord } from "./record.ts";

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
  log.line((line) => writeRequest(line, record, delivery, status, time));
}

/** Status for the log: 499 when the client went first. */
export function finalStatus(record: RequestRecord, delivery: Delivery): number {
  if (delivery.gone || record.failure?.code === CLIENT_CLOSED) return 499;
  return delivery.status;
}

function writeRequest(
  line: LineWriter,
  record: RequestRecord,
  delivery: Delivery | null,
  status: number,
  { clock }: Time,
): void {
  const now = clock.now();
  line.text('{"level":"info","time":').whole(Math.round(clock.wall()));
  line.text(',"msg":"request","request_id":').quoted(record.from.requestId);
  const { caller, usage, failure } = record;
  line.text(caller?.kind === "key" ? ',"key_id":' : ',"peer":').quoted(caller?.id ?? record.from.address);
  line.text(',"operation":').quoted(record.operation).text(',"protocol_in":').quoted(record.protocol);
  if (record.model !== "") line.text(',"model":').quoted(record.model);
  if (record.answeredBy !== "") line.text(',"target":').quoted(record.answeredBy);
  line
    .text(',"status":')
    .whole(status)
    .text(record.stream ? ',"stream":true' : ',"stream":false');
  writeAttempts(line, record.attempts);
  if (record.firstContentAt > 0) line.text(',"ttft_ms":').tenths(record.firstContentAt - record.startedAt);
  line.text(',"duration_ms":').tenths(now - record.startedAt);
  line
    .text(',"bytes_in":')
    .whole(record.bytesIn)
    .text(',"bytes_out":')
    .whole(delivery?.bytesOut ?? 0);
  if (usage !== null) {
    line.text(',"usage":{"input":').whole(usage.input).text(',"cached":').whole(usage.cacheRead);
    line.text(',"output":').whole(usage.output).text(',"reasoning":').whole(usage.reasoning).text("}");
  }
  const losses = record.warningsFor(record.answeredBy);
  if (losses.length > 0) writeWarnings(line, losses);
  if (record.continued) line.text(',"continued":true');
  if (failure !== null) line.text(',"error":').quoted(`${failure.code}: ${failure.message}`.slice(0, 500));
  line.text("}");
}

function writeAttempts(line: LineWriter, attempts: readonly AttemptNote[]): void {
  line.text(',"attempts":[');
  let separator = "";
  for (const note of attempts) {
    line.text(separator).text('{"target":').quoted(note.target).text(',"ms":').tenths(note.ms);
    if (note.cause !== "") line.text(',"cause":').quoted(note.cause);
    if (note.status !== 0) line.text(',"status":').whole(note.status);
    line.text("}");
    separator = ",";
  }
  line.text("]");
}

function writeWarnings(line: LineWriter, losses: readonly string[]): void {
  line.text(',"warnings":[');
  let separator = "";
  for (const loss of losses) {
    line.text(separator).quoted(loss);
    separator = ",";
  }
  line.text("]");
}
