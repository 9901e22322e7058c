/** The rows of the failure table: what each cause of failure means for the target, for this request and for the next target. */

export type Cause =
  | "connect" // refused, reset, unreachable, DNS, TLS, proxy: before any byte of the answer
  | "certificate_clock" // expired or not yet valid while our own clock is not to be trusted
  | "connect_timeout"
  | "server_error"
  | "rate_limit"
  | "quota_too_small" // this request is too large for the quota, however long one waits
  | "account" // credit, billing, region
  | "credential"
  | "refused" // a 403 about this request
  | "model_unknown"
  | "id_unknown" // an id, item or file of the caller
  | "late"
  | "timeout"
  | "context_too_long"
  | "correctable" // thinking, a signature or a parameter it does not take
  | "content_filter"
  | "caller_error"
  | "bad_answer" // 3xx, or what the response parser refuses
  | "cut_body"
  | "error_answer" // 200 with an error inside, empty, or of the wrong type
  | "stream_broken" // after content
  | "malformed_event"
  | "unterminated" // a finish reason came but not the sentinel, or the reverse
  | "client_gone"
  | "pool_full"; // no free connection of ours within the deadline

export interface FailureRow {
  /** A failure for averages and circuit. */
  readonly counts: boolean;
  /** `corrected`: once, at once, without what was refused. */
  readonly sameTarget: "no" | "once" | "after_wait" | "corrected";
  readonly next: "yes" | "no" | "larger_context" | "continuation";
  /** The target spoke. */
  readonly answered: boolean;
  readonly timedOut: boolean;
  /** When nothing is left to ask, the caller gets the upstream's own answer, in its own form. */
  readonly relay: boolean;
}

function row(
  counts: boolean,
  sameTarget: FailureRow["sameTarget"],
  next: FailureRow["next"],
  marks: Partial<FailureRow> = {},
): FailureRow {
  return { counts, sameTarget, next, answered: true, timedOut: false, relay: false, ...marks };
}

const SILENT = { answered: false };
const RELAYED = { relay: true };

export const FAILURE_ROWS: Readonly<Record<Cause, FailureRow>> = {
  connect: row(true, "once", "yes", SILENT),
  certificate_clock: row(false, "no", "yes", SILENT),
  connect_timeout: row(true, "no", "yes", { answered: false, timedOut: true }),
  server_error: row(true, "once", "yes"),
  rate_limit: row(false, "after_wait", "yes", RELAYED),
  quota_too_small: row(false, "no", "yes", RELAYED),
  account: row(false, "no", "yes"),
  credential: row(false, "no", "yes"),
  refused: row(false, "no", "no", RELAYED),
  model_unknown: row(false, "no", "yes"),
  id_unknown: row(false, "no", "no", RELAYED),
  late: row(false, "no", "yes", SILENT),
  timeout: row(true, "no", "yes", { answered: false, timedOut: true }),
  context_too_long: row(false, "no", "larger_context", RELAYED),
  correctable: row(false, "corrected", "yes", RELAYED),
  content_filter: row(false, "no", "no", RELAYED),
  caller_error: row(false, "no", "no", RELAYED),
  bad_answer: row(true, "no", "yes"),
  cut_body: row(true, "once", "yes"),
  error_answer: row(true, "no", "yes"),
  stream_broken: row(true, "no", "continuation"),
  malformed_event: row(false, "no", "no"),
  unterminated: row(false, "no", "no"),
  client_gone: row(false, "no", "no", SILENT),
  pool_full: row(false, "no", "yes", SILENT),
};
