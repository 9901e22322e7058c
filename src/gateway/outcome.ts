/** The one failure a caller gets when no target could answer: composed from what each attempt said (20-http.md, Errors). */
import { Failure, type FailureKind } from "../base/failure.ts";
import type { Verdict } from "../upstream/classify.ts";
import type { AttemptNote } from "./record.ts";
import type { Trouble } from "./trouble.ts";

export interface FailedAttempt {
  readonly note: AttemptNote;
  readonly why: Trouble;
  readonly verdict: Verdict;
}

const CODES: Partial<Record<FailureKind, string>> = {
  rate_limit: "rate_limit_exceeded",
  quota: "insufficient_quota",
  context_too_long: "context_length_exceeded",
  content_filter: "content_filter",
  upstream_auth: "upstream_auth_error",
  timeout: "upstream_timeout",
  not_found: "model_not_found",
};

/** A retry-after above this freezes openai 6.x clients (40-protocols.md 4.3). */
const LONG_WAIT_MS = 60_000;

/** What the caller is told when the attempts failed. `attempts` is not empty. */
export function composeFailure(attempts: readonly FailedAttempt[], wall: number): Failure {
  void wall;
  const last = attempts[attempts.length - 1];
  if (last === undefined) throw new Error("no attempt to compose a failure from");
  const listing = attempts.map(({ note }) => `${note.target}: ${note.message}`).join("; ");
  const deciding = last.verdict.next === "no" || last.verdict.relay ? last : last;
  const same = attempts.every(({ verdict }) => verdict.failureKind === last.verdict.failureKind);
  const kind: FailureKind = same || last.verdict.next === "no" ? deciding.verdict.failureKind : "upstream";
  const single = attempts.length === 1;
  const message =
    deciding.verdict.next === "no" || deciding.verdict.relay || single
      ? single
        ? `${last.note.target}: ${last.note.message}`
        : last.verdict.next === "no"
          ? last.note.message
          : listing
      : `all targets failed: ${listing}`;
  const waits = attempts.map(({ verdict }) => verdict.waitMs).filter((wait) => wait !== null);
  const retryAfterMs = kind === "rate_limit" ? Math.max(1000, Math.min(...waits, 30_000)) : undefined;
  const noRetry =
    ((kind === "upstream" || kind === "timeout") && attempts.length > 1) ||
    kind === "upstream_auth" ||
    kind === "quota" ||
    (retryAfterMs !== undefined && retryAfterMs > LONG_WAIT_MS);
  const param = last.why.error?.param ?? null;
  const status = last.verdict.relay && last.why.status >= 400 && same ? relayedStatus(last) : undefined;
  return new Failure(kind, message, {
    code: codeOf(kind, last),
    ...(param === null ? {} : { param }),
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(noRetry ? { noRetry } : {}),
  });
}

/** A 4xx about the request keeps its own status; one about our credential never does. */
function relayedStatus({ verdict, why }: FailedAttempt): number | undefined {
  if (verdict.failureKind === "upstream_auth") return undefined;
  return why.status >= 400 && why.status < 600 ? why.status : undefined;
}

function codeOf(kind: FailureKind, last: FailedAttempt): string {
  if (kind === "upstream") {
    if (last.verdict.cause === "bad_answer") {
      return last.why.kind === "too_large" ? "upstream_too_large" : "bad_upstream_response";
    }
    return "upstream_error";
  }
  const known = CODES[kind];
  if (known !== undefined) return known;
  return last.why.error?.code || kind;
}
