/** Cohere's error shape, `{"message","id"}` with the class in the status alone, read and written. */
import type { Failure, FailureKind } from "../../base/failure.ts";
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { isObject, stringOf } from "../json-value.ts";
import { plainMessage } from "../plain-message.ts";
import type { ErrorAnswer } from "../protocol.ts";
import { retryHeaders } from "../retry-headers.ts";

/** 40-protocols 4.2. The SDK has a class for each of these statuses. */
const STATUS: Readonly<Record<FailureKind, number>> = {
  bad_request: 400,
  context_too_long: 400,
  auth: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  too_large: 400,
  headers_too_large: 431,
  unsupported: 501,
  rate_limit: 429,
  quota: 402,
  overloaded: 503,
  timeout: 504,
  content_filter: 400,
  upstream_auth: 500,
  upstream: 500,
  internal: 500,
};

export function encodeError(failure: Failure, requestId: string): ErrorAnswer {
  // A provider's other 4xx about this request (409, 422 …) keeps its status.
  const relayed = failure.kind === "bad_request" && failure.status < 500;
  return {
    status: relayed ? failure.status : STATUS[failure.kind],
    headers: retryHeaders(failure),
    body: JSON.stringify({ message: failure.message, id: requestId }),
  };
}

/** Reads an error answer. Never throws; a page of HTML or nothing at all is not recognised. */
export function decodeError(status: number, body: string): UpstreamErrorInfo {
  let doc: unknown;
  try {
    doc = JSON.parse(body);
  } catch {
    // A proxy's page: its text is the message.
    doc = undefined;
  }
  const message = isObject(doc) ? stringOf(doc.message) : undefined;
  const code = isObject(doc) ? (stringOf(doc.code) ?? stringOf(doc.type)) : undefined;
  return {
    status,
    code: (code ?? "").toLowerCase(),
    message: message ?? plainMessage(status, body),
    param: null,
    retryAfterMs: null,
    recognised: message !== undefined,
  };
}

/** What a stream's end says of an error; Cohere gives words only. */
export function streamError(message: string, code: string): UpstreamErrorInfo {
  return { status: 500, code, message, param: null, retryAfterMs: null, recognised: true };
}

/** The stream ended in the middle. */
export function truncated(): UpstreamErrorInfo {
  return {
    status: 502,
    code: "truncated",
    message: "the upstream's stream ended before its answer was complete",
    param: null,
    retryAfterMs: null,
    recognised: false,
  };
}
