/** Errors in Anthropic's shape, written for callers and read from upstreams (40-protocols 4). */
import type { Failure, FailureKind } from "../../base/failure.ts";
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { objectOf, stringOf } from "../json-value.ts";
import { parseErrorBody, plainMessage, unrecognisedError } from "../plain-message.ts";
import type { ErrorAnswer } from "../protocol.ts";
import { retryHeaders } from "../retry-headers.ts";

const SHAPES: Record<FailureKind, readonly [number, string]> = {
  bad_request: [400, "invalid_request_error"],
  context_too_long: [400, "invalid_request_error"],
  auth: [401, "authentication_error"],
  forbidden: [403, "permission_error"],
  not_found: [404, "not_found_error"],
  method_not_allowed: [405, "invalid_request_error"],
  too_large: [413, "request_too_large"],
  headers_too_large: [431, "invalid_request_error"],
  unsupported: [501, "invalid_request_error"],
  rate_limit: [429, "rate_limit_error"],
  quota: [402, "billing_error"],
  overloaded: [529, "overloaded_error"],
  timeout: [504, "timeout_error"],
  content_filter: [400, "invalid_request_error"],
  upstream_auth: [502, "api_error"],
  upstream: [500, "api_error"],
  internal: [500, "api_error"],
};

/** Claude Code recognises a full context by these words only. */
function messageOf(failure: Failure): string {
  if (failure.kind !== "context_too_long" || failure.message.startsWith("prompt is too long")) {
    return failure.message;
  }
  const numbers = [...failure.message.matchAll(/\d[\d,]{2,}/g)].map((found) =>
    Number(found[0].replaceAll(",", "")),
  );
  if (numbers.length < 2) return `prompt is too long: ${failure.message}`;
  return `prompt is too long: ${Math.max(...numbers)} tokens > ${Math.min(...numbers)} maximum`;
}

function writeErrorObject(failure: Failure): Record<string, unknown> {
  return { type: SHAPES[failure.kind][1], message: messageOf(failure) };
}

export function encodeError(failure: Failure, requestId: string): ErrorAnswer {
  const [status] = SHAPES[failure.kind];
  return {
    status,
    headers: retryHeaders(failure),
    body: JSON.stringify({ type: "error", error: writeErrorObject(failure), request_id: requestId }),
  };
}

export function encodeStreamError(failure: Failure): string {
  const error = writeErrorObject(failure);
  return `event: error\ndata: ${JSON.stringify({ type: "error", error })}\n\n`;
}

const STATUS_OF_TYPE: Record<string, number> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  conflict_error: 409,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** Reads a parsed error; null when it has not Anthropic's shape. In-band errors (`status` 0) get the status of their type. */
export function readErrorObject(doc: unknown, status: number): UpstreamErrorInfo | null {
  const root = objectOf(Array.isArray(doc) ? doc[0] : doc);
  const error = objectOf(root?.error);
  if (error === undefined) return null;
  const type = stringOf(error.type) ?? stringOf(error.status) ?? "";
  const code = stringOf(objectOf(error.details)?.error_code) ?? type;
  const numeric = typeof error.code === "number" ? error.code : 0;
  return {
    status: status !== 0 ? status : (STATUS_OF_TYPE[type] ?? numeric),
    code: code.toLowerCase(),
    message: stringOf(error.message) ?? JSON.stringify(error).slice(0, 300),
    param: null,
    retryAfterMs: null,
    recognised: true,
  };
}

/** Never throws: HTML and emptiness give their first words and `recognised: false`. */
export function decodeError(status: number, body: string): UpstreamErrorInfo {
  const doc = parseErrorBody(body);
  const found = readErrorObject(doc, status);
  if (found !== null) return found;
  return unrecognisedError(status, stringOf(objectOf(doc)?.message) ?? plainMessage(status, body));
}
