/** The one failure a caller gets when no target could answer: composed from what each attempt said (20-http.md, Errors). */
import { Failure, type FailureKind } from "../base/failure.ts";
import type { Verdict } from "../upstream/classify.ts";
import type { AttemptNote } from "./record.ts";
import type { Trouble } from "./trouble.ts";

export interface FailedAttempt {
  readonly note: AttemptNote;
  readonly why: Trouble;
  readonly verdict: Verdict;
  /** The upstream speaks the caller's protocol. */
  readonly speaksCallers: boolean;
}

export interface ComposedFailure {
  readonly failure: Failure;
  /** The upstream's own error body, which the caller gets as it is; null = written in the caller's form. */
  readonly body: Buffer | null;
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

/** Asked for again after this where a rate limit names no time. */
const DEFAULT_WAIT_MS = 30_000;
const MAX_MESSAGE = 300;

/** What the caller is told when the attempts failed. `attempts` is not empty. */
export function composeFailure(attempts: readonly FailedAttempt[]): ComposedFailure {
  // What could not even be put to a target says nothing beside what targets said.
  const asked = attempts.filter(({ why }) => why.kind !== "cannot");
  const said = asked.length > 0 ? asked : attempts;
  const last = said[said.length - 1];
  if (last === undefined) throw new Error("no attempt to compose a failure from");
  const { failureKind } = last.verdict;
  if (isRelayed(last, said)) return relayed(last, said);
  const kind = said.every(({ verdict }) => verdict.failureKind === failureKind)
    ? collectiveKind(failureKind)
    : "upstream";
  const listing = said.map(describe).join("; ");
  return {
    failure: new Failure(kind, said.length === 1 ? listing : `all targets failed: ${listing}`, {
      code: codeOf(kind, last),
      ...waitOf(kind, said),
      // The targets were asked in turn already: SDKs that ask again multiply the load (40-protocols.md 4.3).
      noRetry:
        kind === "upstream_auth" || (kind !== "rate_limit" && kind !== "overloaded" && said.length > 1),
    }),
    body: null,
  };
}

/** One word of the log, the trace and the message on an attempt that failed. */
export function describe({ note, why, verdict }: FailedAttempt): string {
  // What a provider says of our key may hold a piece of it.
  const text =
    verdict.failureKind === "upstream_auth" && why.kind !== "credential"
      ? "this gateway's credential was refused"
      : why.message;
  const short = text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
  return `${note.target}: ${short} (${verdict.cause}${why.status > 0 ? `, status ${why.status}` : ""})`;
}

/**
 * True when the caller gets the upstream's own word: it is about the request, or every attempt ended with the same
 * answer. What a provider says of the gateway's credential never is.
 */
function isRelayed(last: FailedAttempt, attempts: readonly FailedAttempt[]): boolean {
  if (last.verdict.failureKind === "upstream_auth" || last.why.error === null) return false;
  const { relay, next } = last.verdict;
  if (relay && next !== "yes") return true;
  if (last.why.kind !== "answer" || last.why.status < 400) return false;
  return attempts.every(
    ({ why, verdict }) =>
      why.kind === "answer" &&
      why.status === last.why.status &&
      verdict.failureKind === last.verdict.failureKind,
  );
}

function relayed(last: FailedAttempt, attempts: readonly FailedAttempt[]): ComposedFailure {
  const { why, verdict, speaksCallers } = last;
  const kind = verdict.failureKind;
  const { error } = why;
  const own = verdict.relay && verdict.next === "no";
  const failure = new Failure(kind, why.message || `${last.note.target} answered ${why.status}`, {
    code: CODES[kind] ?? (error?.code || codeOf(kind, last)),
    ...(error?.param == null ? {} : { param: error.param }),
    ...(why.status >= 400 ? { status: why.status } : {}),
    ...waitOf(kind, attempts),
    noRetry: kind === "quota" || (!own && attempts.length > 1 && (kind === "upstream" || kind === "timeout")),
  });
  const asItIs = speaksCallers && why.status >= 400 && error?.recognised === true;
  return { failure, body: asItIs ? why.body : null };
}

/** The smallest wait that was asked for; a rate limit always names one. */
function waitOf(kind: FailureKind, attempts: readonly FailedAttempt[]): { retryAfterMs?: number } {
  const waits = attempts.map(({ verdict }) => verdict.waitMs).filter((wait) => wait !== null);
  if (waits.length > 0) return { retryAfterMs: Math.max(1, Math.min(...waits)) };
  return kind === "rate_limit" ? { retryAfterMs: DEFAULT_WAIT_MS } : {};
}

/** Several targets that all refused us one way are still one class; 4xx about a request were relayed before. */
function collectiveKind(kind: FailureKind): FailureKind {
  switch (kind) {
    case "rate_limit":
    case "quota":
    case "timeout":
    case "upstream_auth":
    case "overloaded":
    case "not_found":
      return kind;
    case "bad_request":
    case "context_too_long":
    case "too_large":
      return kind;
    default:
      return "upstream";
  }
}

function codeOf(kind: FailureKind, last: FailedAttempt): string {
  if (kind === "upstream") {
    if (last.why.kind === "too_large") return "upstream_too_large";
    const { cause } = last.verdict;
    const unreadable = cause === "bad_answer" || cause === "error_answer" || cause === "cut_body";
    return unreadable ? "bad_upstream_response" : "upstream_error";
  }
  if (kind === "overloaded") return "overloaded";
  return CODES[kind] ?? (last.why.error?.code || kind);
}
