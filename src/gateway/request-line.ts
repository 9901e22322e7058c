/** The line the log has of a request, put together by hand (60-observability.md, Logs). */
import { type LineWriter, piece } from "../telemetry/gathered-lines.ts";
import type { Core } from "./core.ts";
import type { Delivery } from "./delivery.ts";
import type { AttemptNote, RequestRecord } from "./record.ts";

/** Made once: the names of members are most of a line. */
const REQUEST_ID = piece(',"msg":"request","request_id":');
const NEXT_ATTEMPT = piece('},{"target":');
const MS = piece(',"ms":');
const CAUSE = piece(',"cause":');
const STATUS = piece(',"status":');
const TTFT_MS = piece(',"ttft_ms":');
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
const CLOSE = piece("}");
const CLOSE_ATTEMPTS = piece("}]");
const CLOSE_LIST = piece("]");

export function writeRequest(
  line: LineWriter,
  record: RequestRecord,
  delivery: Delivery | null,
  status: number,
  { time: { clock }, lineMemory }: Pick<Core, "time" | "lineMemory">,
): void {
  const now = clock.now();
  lineMemory.writeOpening(line, Math.round(clock.wall()));
  line.add(REQUEST_ID).quoted(record.from.requestId);
  lineMemory.writeMiddle(line, record, status);
  writeAttempts(line, record.attempts);
  if (record.firstContentAt > 0) line.add(TTFT_MS).tenths(record.firstContentAt - record.startedAt);
  line.add(DURATION_MS).tenths(now - record.startedAt);
  line
    .add(BYTES_IN)
    .whole(record.bytesIn)
    .add(BYTES_OUT)
    .whole(delivery?.bytesOut ?? 0);
  const { usage, failure } = record;
  if (usage !== null) {
    line.add(USAGE).whole(usage.input).add(CACHED).whole(usage.cacheRead);
    line.add(OUTPUT).whole(usage.output).add(REASONING).whole(usage.reasoning).add(CLOSE);
  }
  const losses = record.warningsFor(record.answeredBy);
  if (losses.length > 0) writeWarnings(line, losses);
  if (record.continued) line.add(CONTINUED);
  if (failure !== null) line.add(ERROR).quoted(`${failure.code}: ${failure.message}`.slice(0, 500));
  line.add(CLOSE).finish();
}

/** Behind the target of the first. */
function writeAttempts(line: LineWriter, attempts: readonly AttemptNote[]): void {
  for (let i = 0; i < attempts.length; i++) {
    const note = attempts[i] as AttemptNote;
    if (i > 0) line.add(NEXT_ATTEMPT).quoted(note.target);
    line.add(MS).tenths(note.ms);
    if (note.cause !== "") line.add(CAUSE).quoted(note.cause);
    if (note.status !== 0) line.add(STATUS).whole(note.status);
  }
  line.add(attempts.length === 0 ? CLOSE_LIST : CLOSE_ATTEMPTS);
}

function writeWarnings(line: LineWriter, losses: readonly string[]): void {
  line.add(WARNINGS);
  losses.forEach((loss, index) => {
    if (index > 0) line.add(COMMA);
    line.quoted(loss);
  });
  line.add(CLOSE_LIST);
}
