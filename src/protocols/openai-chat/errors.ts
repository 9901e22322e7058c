/** Errors in OpenAI's shape, written for callers and read from upstreams (40-protocols 4). */
import type { Failure, FailureKind } from "../../base/failure.ts";
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { isObject, objectOf, stringOf } from "../json-value.ts";
import { parseErrorBody, plainMessage, unrecognisedError } from "../plain-message.ts";
import type { ErrorAnswer } from "../protocol.ts";
import { retryHeaders } from "../retry-headers.ts";

/** `type` of each class; codes that clients know by heart stand in `CODES`. */
const TYPES: Record<FailureKind, string> = {
  bad_request: "invalid_request_error",
  context_too_long: "invalid_request_error",
  auth: "invalid_request_error",
  forbidden: "invalid_request_error",
  not_found: "invalid_request_error",
  method_not_allowed: "invalid_request_error",
  too_large: "invalid_request_error",
  headers_too_large: "invalid_request_error",
  unsupported: "invalid_request_error",
  rate_limit: "rate_limit_error",
  quota: "insufficient_quota",
  overloaded: "server_error",
  timeout: "timeout",
  content_filter: "invalid_request_error",
  upstream_auth: "upstream_auth_error",
  upstream: "server_error",
  internal: "server_error",
};

/** Codex and others recognise these words (40-protocols 4.2). */
const CODES: Partial<Record<FailureKind, string>> = {
  context_too_long: "context_length_exceeded",
  quota: "insufficient_quota",
  content_filter: "content_filter",
};

/** The error object that both a body and an in-band error hold. */
function writeErrorObject(failure: Failure): Record<string, unknown> {
  return {
    message: failure.message,
    type: TYPES[failure.kind],
    param: failure.param,
    code: CODES[failure.kind] ?? failure.code,
  };
}

export function encodeError(failure: Failure, _requestId: string): ErrorAnswer {
  return {
    status: failure.status,
    headers: retryHeaders(failure),
    body: JSON.stringify({ error: writeErrorObject(failure) }),
  };
}

/** The in-band error of a stream; the connection is closed behind it without `[DONE]`. */
export function encodeStreamError(failure: Failure): string {
  return `data: ${JSON.stringify({ error: writeErrorObject(failure) })}\n\n`;
}

const MAX_MESSAGE = 300;

/** Reads a parsed error value; null when it has not OpenAI's shape. */
export function readErrorObject(doc: unknown, status: number): UpstreamErrorInfo | null {
  // Gemini's compatible endpoint wraps errors in a list (securo #884).
  const root = Array.isArray(doc) ? objectOf(doc[0]) : objectOf(doc);
  if (root === undefined) return null;
  const inner = root.error ?? (root.object === "error" || root.type === "error" ? root : undefined);
  if (typeof inner === "string") return info(status, "", inner, null);
  if (!isObject(inner)) {
    // Relays such as Groq's edge and Mistral answer flat: {"message"} or {"detail"}.
    const message = stringOf(root.message) ?? detailOf(root.detail);
    return message === undefined ? null : info(status, stringOf(root.type) ?? "", message, null);
  }
  const code = typeof inner.code === "string" ? inner.code : "";
  const type = stringOf(inner.type) ?? stringOf(inner.status) ?? "";
  const number = typeof inner.code === "number" ? inner.code : statusOf(inner.status);
  const message =
    stringOf(inner.message) ?? stringOf(root.message) ?? JSON.stringify(inner).slice(0, MAX_MESSAGE);
  const found = status === 0 && number >= 400 && number < 600 ? number : status;
  return info(found, (code === "" ? type : code).toLowerCase(), message, stringOf(inner.param) ?? null);
}

function statusOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function detailOf(detail: unknown): string | undefined {
  if (typeof detail === "string") return detail;
  // FastAPI's validation errors: a list of {loc, msg, type}.
  if (Array.isArray(detail)) return JSON.stringify(detail).slice(0, MAX_MESSAGE);
  return isObject(detail)
    ? (stringOf(detail.message) ?? JSON.stringify(detail).slice(0, MAX_MESSAGE))
    : undefined;
}

function info(status: number, code: string, message: string, param: string | null): UpstreamErrorInfo {
  return { status, code, message, param, retryAfterMs: null, recognised: true };
}

/** Reads an error body; HTML and emptiness give the first words and `recognised: false`. Never throws. */
export function decodeError(status: number, body: string): UpstreamErrorInfo {
  return (
    readErrorObject(parseErrorBody(body), status) ?? unrecognisedError(status, plainMessage(status, body))
  );
}
