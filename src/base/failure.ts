/** The one failure type of the gateway. It is made anywhere and becomes a response in one place per protocol. */

/** The neutral classes every protocol maps to its own statuses, types and codes. */
export type FailureKind =
  | "bad_request"
  | "context_too_long"
  | "auth"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "too_large"
  | "headers_too_large"
  | "unsupported"
  | "rate_limit"
  | "quota"
  | "overloaded"
  | "timeout"
  | "content_filter"
  | "upstream_auth"
  | "upstream"
  | "internal";

export interface FailureDetails {
  /** Stable code, e.g. `model_not_found`; shown to callers as it is. */
  readonly code: string;
  /** JSON path of the member that is at fault, when one is. */
  readonly param?: string;
  /** Overrides the status that `kind` stands for in OpenAI's shape. */
  readonly status?: number;
  /** When asking again makes sense, in milliseconds from now. */
  readonly retryAfterMs?: number;
  /** Tells SDKs not to ask again (`x-should-retry: false`). */
  readonly noRetry?: boolean;
  readonly cause?: unknown;
  /** Headers that belong to this answer, e.g. `www-authenticate`. */
  readonly headers?: readonly string[];
}

const STATUS: Record<FailureKind, number> = {
  bad_request: 400,
  context_too_long: 400,
  auth: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  too_large: 413,
  headers_too_large: 431,
  unsupported: 501,
  rate_limit: 429,
  quota: 429,
  overloaded: 503,
  timeout: 504,
  content_filter: 400,
  upstream_auth: 502,
  upstream: 502,
  internal: 500,
};

/** What went wrong, in the gateway's own terms. `message` is fit for the caller: it never holds a secret. */
export class Failure extends Error {
  readonly kind: FailureKind;
  readonly code: string;
  readonly status: number;
  readonly param: string | null;
  readonly retryAfterMs: number | null;
  readonly noRetry: boolean;
  readonly headers: readonly string[];

  constructor(kind: FailureKind, message: string, details: FailureDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "Failure";
    this.kind = kind;
    this.code = details.code;
    this.status = details.status ?? STATUS[kind];
    this.param = details.param ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
    this.noRetry = details.noRetry ?? false;
    this.headers = details.headers ?? [];
  }
}

/** A caller's mistake in the body or the path. */
export function badRequest(message: string, code = "invalid_request", param?: string): Failure {
  return new Failure("bad_request", message, param === undefined ? { code } : { code, param });
}

/** Anything thrown, as a Failure; a bug shows as `internal` and keeps its cause for the log. */
export function toFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  return new Failure("internal", "internal error", { code: "internal_error", cause: thrown });
}
