/** What a failure means: by status, code and wording through the provider's table, as a verdict that names what to do. */
import type { FailureKind } from "../base/failure.ts";
import { type HeaderList, headerValue } from "../base/headers.ts";
import type { UpstreamErrorInfo } from "../base/upstream-error.ts";
import type { CorrectionKind, Rule } from "./classify-tables/rule.ts";
import { tableOf } from "./classify-tables/tables.ts";
import type { UpstreamFailure } from "./client.ts";
import { type Cause, FAILURE_ROWS, type FailureRow } from "./failure-rows.ts";
import { quotaReadings } from "./quota-lines.ts";
import { retryAfter, waitByQuota, waitInMessage } from "./rate-limit-headers.ts";

/** What to leave out of the one corrected send. `member` is the path as the provider named it. */
export interface Correction {
  readonly kind: CorrectionKind;
  readonly member: string;
}

export interface Verdict extends FailureRow {
  readonly cause: Cause;
  /** Wait before the second send that the provider asked for, ms; null = backoff. */
  readonly waitMs: number | null;
  /** A rate limit: the target is not asked before `cooldownMs` (null = the configured cooldown). */
  readonly limited: boolean;
  readonly cooldownMs: number | null;
  readonly bench: "credential" | "model" | null;
  readonly correction: Correction | null;
  /** Out until the clock jumps. */
  readonly clockWrong: boolean;
  /** A failure of the kind that may mean the uplink is down (`health/wan`). */
  readonly wanSign: boolean;
  /** The class it has for the caller when nothing is left to ask. */
  readonly failureKind: FailureKind;
}

export interface AnswerFacts {
  /** HTTP status; 200 with `error` = an error inside a good answer or as a stream's first event. */
  readonly status: number;
  readonly headers: HeaderList;
  readonly error: UpstreamErrorInfo;
  /** `providers/` kind, and the dialect for kind `openai` ("" = the kind's own). */
  readonly providerKind: string;
  readonly dialect: string;
  /** The request's path names an id of the caller's (`/responses/{id}`). */
  readonly idInPath: boolean;
  /** `[retry].retry_after_max`, ms. */
  readonly retryAfterMax: number;
  /** Tokens this request takes of a quota, estimated. */
  readonly needTokens: number;
  /** Wall clock, ms. */
  readonly wall: number;
}

/** An answer that is not a success. */
export function classifyAnswer(facts: AnswerFacts): Verdict {
  const { error, headers } = facts;
  const inBand = facts.status < 300;
  const status = inBand ? error.status : facts.status;
  const code = error.code || awsErrorType(headers);
  // A firewall's page says "access denied" of this request, not of our key.
  const message = isHtml(headers, error.message) ? "" : error.message.slice(0, 4000);
  const rule = findRule(tableOf(facts.providerKind, facts.dialect), status, code, message, facts);
  const cause = inBand ? inBandCause(rule) : (rule?.cause ?? causeOfStatus(status));
  const kind = failureKind(cause, status);
  switch (cause) {
    case "rate_limit":
      return rateLimited(facts, message);
    case "server_error": {
      const waitMs = retryAfter(headers, facts.wall);
      const final = status === 501 || status === 505 || (waitMs !== null && waitMs > facts.retryAfterMax);
      return verdict(cause, kind, { waitMs, ...(final ? { sameTarget: "no" } : {}) });
    }
    case "correctable": {
      const correction = rule === undefined ? null : correctionOf(rule, error, message);
      return verdict(cause, kind, { correction, ...(correction === null ? { sameTarget: "no" } : {}) });
    }
    default:
      return verdict(cause, kind);
  }
}

export interface FailureFacts {
  /** `content`: the stream had its first content event; `body`: the head and part of the body came, none of it content. */
  readonly phase: "head" | "body" | "content";
  readonly stream: boolean;
  /** Our clock was never set, or stands before the build date. */
  readonly clockUntrusted: boolean;
}

/** A request that got no whole answer. */
export function classifyFailure(failure: UpstreamFailure, facts: FailureFacts): Verdict {
  const cause = causeOfFailure(failure, facts);
  const wanSign =
    failure.cause === "connect_timeout" || failure.cause === "dns" || failure.cause === "unreachable";
  return verdict(cause, failureKind(cause, 0), { wanSign });
}

/** The verdict of a cause the gateway found out itself: late, a refused answer, an empty one, a broken stream. */
export function verdictOf(cause: Cause): Verdict {
  return verdict(cause, failureKind(cause, 0));
}

function verdict(cause: Cause, kind: FailureKind, changes: Partial<Verdict> = {}): Verdict {
  return {
    ...FAILURE_ROWS[cause],
    cause,
    waitMs: null,
    limited: cause === "rate_limit",
    cooldownMs: null,
    bench:
      cause === "credential" || cause === "account"
        ? "credential"
        : cause === "model_unknown"
          ? "model"
          : null,
    correction: null,
    clockWrong: cause === "certificate_clock",
    wanSign: false,
    failureKind: kind,
    ...changes,
  };
}

function rateLimited(facts: AnswerFacts, message: string): Verdict {
  const asked =
    retryAfter(facts.headers, facts.wall) ??
    facts.error.retryAfterMs ??
    waitInMessage(message) ??
    waitByQuota(quotaReadings(facts.headers, { wall: () => facts.wall }), facts.needTokens);
  const tooLong = asked !== null && asked > facts.retryAfterMax;
  return verdict("rate_limit", "rate_limit", {
    waitMs: asked,
    cooldownMs: asked,
    ...(tooLong ? { sameTarget: "no" } : {}),
  });
}

function findRule(
  table: readonly Rule[],
  status: number,
  code: string,
  message: string,
  facts: AnswerFacts,
): Rule | undefined {
  for (const rule of table) {
    if (!statusFits(rule, status)) continue;
    if (rule.code !== undefined && !rule.code.test(code)) continue;
    if (rule.message !== undefined && !rule.message.test(message)) continue;
    if (rule.recognised !== undefined && rule.recognised !== facts.error.recognised) continue;
    if (rule.idInPath !== undefined && rule.idInPath !== facts.idInPath) continue;
    return rule;
  }
  return undefined;
}

function statusFits(rule: Rule, status: number): boolean {
  if (rule.status === undefined) return status === 0 || (status >= 400 && status < 500);
  return typeof rule.status === "number" ? rule.status === status : rule.status.includes(status);
}

/** An error inside a 200: a failure of the target, unless its words say that it is about the request or the account. */
function inBandCause(rule: Rule | undefined): Cause {
  if (rule === undefined || rule.cause === "server_error" || rule.cause === "id_unknown")
    return "error_answer";
  return rule.cause;
}

function causeOfStatus(status: number): Cause {
  if (status >= 500) return "server_error";
  if (status >= 300 && status < 400) return "bad_answer";
  return "caller_error";
}

function causeOfFailure(failure: UpstreamFailure, facts: FailureFacts): Cause {
  switch (failure.cause) {
    case "tls":
      return facts.clockUntrusted &&
        (failure.tlsReason === "expired" || failure.tlsReason === "not_yet_valid")
        ? "certificate_clock"
        : "connect";
    case "dns":
    case "refused":
    case "unreachable":
    case "proxy":
    case "reset":
      return "connect";
    case "connect_timeout":
      return "connect_timeout";
    case "first_byte_timeout":
    case "idle_timeout":
    case "total_timeout":
      return facts.phase === "content" ? "stream_broken" : "timeout";
    case "bad_response":
      return facts.phase === "content" ? "stream_broken" : "bad_answer";
    case "cut":
      if (facts.phase === "content") return "stream_broken";
      // A stream that ended with neither content nor finish reason is an empty answer.
      return facts.stream ? "error_answer" : "cut_body";
    case "pool_full":
      return "pool_full";
  }
}

/** Without these there is no request left, or a different one. */
const ESSENTIAL: ReadonlySet<string> = new Set([
  "model",
  "messages",
  "input",
  "contents",
  "prompt",
  "system",
  "instructions",
  "system_instruction",
  "systemInstruction",
  "tools",
  "stream",
  "documents",
  "query",
  "body",
]);

function correctionOf(rule: Rule, error: UpstreamErrorInfo, message: string): Correction | null {
  if (rule.correction === undefined) return null;
  if (rule.correction !== "member") return { kind: rule.correction, member: "" };
  const found = rule.member?.exec(message)?.groups;
  const name = found?.["member"] ?? "";
  const place = found?.["place"] ?? "";
  const member = (error.param ?? (place === "" || name === "" ? name : `${place}.${name}`)).replace(
    /^body\./,
    "",
  );
  if (member === "" || member.length > 256 || ESSENTIAL.has(member)) return null;
  return { kind: "member", member };
}

function failureKind(cause: Cause, status: number): FailureKind {
  switch (cause) {
    case "rate_limit":
    case "quota_too_small":
      return "rate_limit";
    case "account":
      return status === 401 || status === 403 ? "upstream_auth" : "quota";
    case "credential":
      return "upstream_auth";
    case "context_too_long":
      return "context_too_long";
    case "content_filter":
      return "content_filter";
    case "refused":
      return "forbidden";
    case "model_unknown":
    case "id_unknown":
      return "not_found";
    case "correctable":
      return "bad_request";
    case "caller_error":
      return status === 413 ? "too_large" : status === 404 ? "not_found" : "bad_request";
    case "connect_timeout":
    case "timeout":
    case "late":
      return "timeout";
    case "server_error":
      if (status === 503 || status === 529) return "overloaded";
      return status === 408 || status === 504 ? "timeout" : "upstream";
    case "pool_full":
      return "overloaded";
    default:
      return "upstream";
  }
}

/** Bedrock names its exception in a header: `ThrottlingException:http://…`. */
function awsErrorType(headers: HeaderList): string {
  return (headerValue(headers, "x-amzn-errortype").split(":")[0] ?? "").toLowerCase();
}

function isHtml(headers: HeaderList, message: string): boolean {
  return headerValue(headers, "content-type").includes("text/html") || /^\s*<(!doctype|html)/i.test(message);
}
