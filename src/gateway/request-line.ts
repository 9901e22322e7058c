/** The line the log has of a request, put together by hand (60-observability.md, Logs). */
import { piece } from "../base/piece.ts";
import type { LineWriter } from "../telemetry/gathered-lines.ts";
import type { Core } from "./core.ts";
import type { Delivery } from "./delivery.ts";
import type { AttemptNote, RequestRecord } from "./record.ts";

/** Made once: the names of members are most of a line. */
const REQUEST_ID = piece(',"msg":"request","request_id":');
const NEXT_ATTEMPT = piece('},{"target":');
const MS = piece(',"ms":');
const CAUSE = piece(',"cause":');
const STATUS = piece(',"status":');
const CLOSE_LIST_TTFT_MS = piece('],"ttft_ms":');
const CLOSE_ATTEMPTS_TTFT_MS = piece('}],"ttft_ms":');
const DURATION_MS = piece(',"duration_ms":');
const BYTES_IN = piece(',"bytes_in":');
const BYTES_OUT = piece(',"bytes_out":');
const USAGE = piece(',"usage":{"input":');
const CACHED = piece(',"cached":');
const OUTPUT = piece(',"output":');
const REASONING = piece(',"reasoning":');
const WARNINGS = piece(',"warnings":[');
const CONTINUED = piece(',"continued":true');
const ERROR = piece(',"error":');
const COMMA = piece(",");
const CLOSE_ATTEMPTS = piece("}]");
const CLOSE_LIST = piece("]");
const CLOSE_USAGE = piece("}");
const END = piece("}\n");
const CLOSE_USAGE_END = piece("}}\n");

export function writeRequest(
  line: LineWriter,
  record: RequestRecord,
  delivery: Delivery | null,
  status: number,
  { time: { clock }, lineMemory }: Pick<Core, "time" | "lineMemory">,
): void {
  const { attempts, firstContentAt, startedAt, usage, failure } = record;
  const endedAt = record.endedAt > 0 ? record.endedAt : clock.now();
  lineMemory.writeOpening(line, Math.round(clock.wall()));
  line.add(REQUEST_ID).quoted(record.from.requestId);
  lineMemory.writeMiddle(line, record, status);
  if (attempts.length > 0) writeAttempts(line, attempts);
  if (firstContentAt > 0) {
    line.duration(
      attempts.length > 0 ? CLOSE_ATTEMPTS_TTFT_MS : CLOSE_LIST_TTFT_MS,
      firstContentAt - startedAt,
    );
  } else line.add(attempts.length > 0 ? CLOSE_ATTEMPTS : CLOSE_LIST);
  line.duration(DURATION_MS, endedAt - startedAt);
  line.count(BYTES_IN, record.bytesIn).count(BYTES_OUT, delivery?.bytesOut ?? 0);
  if (usage !== null) {
    line.count(USAGE, usage.input).count(CACHED, usage.cacheRead);
    line.count(OUTPUT, usage.output).count(REASONING, usage.reasoning);
  }
  const losses = record.warningsFor(record.answeredBy);
  if (losses.length === 0 && failure === null && !record.continued) {
    line.finish(usage === null ? END : CLOSE_USAGE_END);
    return;
  }
  if (usage !== null) line.add(CLOSE_USAGE);
  if (losses.length > 0) writeWarnings(line, losses);
  if (record.continued) line.add(CONTINUED);
  if (failure !== null) line.add(ERROR).quoted(`${failure.code}: ${failure.message}`.slice(0, 500));
  line.finish(END);
}

/** Behind the target of the first and the name of its time. */
function writeAttempts(line: LineWriter, attempts: readonly AttemptNote[]): void {
  for (let i = 0; i < attempts.length; i++) {
    const note = attempts[i] as AttemptNote;
    if (i > 0) line.add(NEXT_ATTEMPT).quoted(note.target).add(MS);
    line.tenths(note.ms);
    if (note.cause !== "") line.add(CAUSE).quoted(note.cause);
    if (note.status !== 0) line.count(STATUS, note.status);
  }
}

function writeWarnings(line: LineWriter, losses: readonly string[]): void {
  line.add(WARNINGS);
  losses.forEach((loss, index) => {
    if (index > 0) line.add(COMMA);
    line.quoted(loss);
  });
  line.add(CLOSE_LIST);
}
