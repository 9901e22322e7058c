/** Gemini's error shape: `{"error":{"code","message","status","details"}}`, read and written. */
import type { Failure, FailureKind } from "../../base/failure.ts";
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { isObject, listOf, numberOf } from "../json-value.ts";
import { parseErrorBody, plainMessage, unrecognisedError } from "../plain-message.ts";
import type { ErrorAnswer } from "../protocol.ts";
import { retryHeaders } from "../retry-headers.ts";

/** 40-protocols 4.2: HTTP status and RPC word by class. */
const STATUS: Readonly<Record<FailureKind, readonly [number, string]>> = {
  bad_request: [400, "INVALID_ARGUMENT"],
  context_too_long: [400, "INVALID_ARGUMENT"],
  auth: [401, "UNAUTHENTICATED"],
  forbidden: [403, "PERMISSION_DENIED"],
  not_found: [404, "NOT_FOUND"],
  method_not_allowed: [405, "UNIMPLEMENTED"],
  too_large: [400, "INVALID_ARGUMENT"],
  headers_too_large: [431, "INVALID_ARGUMENT"],
  unsupported: [501, "UNIMPLEMENTED"],
  rate_limit: [429, "RESOURCE_EXHAUSTED"],
  quota: [429, "RESOURCE_EXHAUSTED"],
  overloaded: [503, "UNAVAILABLE"],
  timeout: [504, "DEADLINE_EXCEEDED"],
  content_filter: [400, "INVALID_ARGUMENT"],
  upstream_auth: [502, "INTERNAL"],
  upstream: [500, "INTERNAL"],
  internal: [500, "INTERNAL"],
};

/** A status that a relayed answer brings along stands for its own class. */
const WORD: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  409: "ABORTED",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  501: "UNIMPLEMENTED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

function statusOf(failure: Failure): readonly [number, string] {
  const row = STATUS[failure.kind];
  // A provider's other 4xx about this request (409, 451 …) keeps its status.
  if (failure.kind === "bad_request" && failure.status !== 400 && failure.status < 500)
    return [failure.status, WORD[failure.status] ?? "INVALID_ARGUMENT"];
  return row;
}

/** The error object's JSON text, the same in an answer and inside a stream. */
export function errorJson(failure: Failure): string {
  const [code, status] = statusOf(failure);
  const details: object[] = [];
  if (failure.retryAfterMs !== null) {
    details.push({
      "@type": "type.googleapis.com/google.rpc.RetryInfo",
      retryDelay: `${Math.max(1, Math.ceil(failure.retryAfterMs / 1000))}s`,
    });
  }
  if (failure.param !== null) {
    details.push({
      "@type": "type.googleapis.com/google.rpc.BadRequest",
      fieldViolations: [{ field: failure.param, description: failure.message }],
    });
  }
  const error: Record<string, unknown> = { code, message: failure.message, status };
  if (details.length > 0) error.details = details;
  return JSON.stringify({ error });
}

/** An upstream's in-band error for a Gemini client; the code must lie in 400..599, else genai overlooks it. */
export function upstreamErrorJson(info: UpstreamErrorInfo): string {
  const code = info.status >= 400 && info.status < 600 ? info.status : 502;
  const status = WORD[code] ?? (code < 500 ? "INVALID_ARGUMENT" : "INTERNAL");
  return JSON.stringify({ error: { code, message: info.message, status } });
}

export function encodeError(failure: Failure): ErrorAnswer {
  return { status: statusOf(failure)[0], headers: retryHeaders(failure), body: errorJson(failure) };
}

/** Reads an error answer. Never throws; `[{"error":…}]` (the OpenAI-compatible endpoint) is unwrapped. */
export function decodeError(status: number, body: string): UpstreamErrorInfo {
  const info = readErrorObject(parseErrorBody(body));
  if (info === null) return unrecognisedError(status, plainMessage(status, body));
  return status === 0 ? info : { ...info, status };
}

/** The vendor's error in a parsed body or stream chunk; null when there is none. */
export function readErrorObject(doc: unknown): UpstreamErrorInfo | null {
  const holder = Array.isArray(doc) ? doc[0] : doc;
  const error = isObject(holder) ? holder.error : undefined;
  if (!isObject(error)) return null;
  const info: UpstreamErrorInfo = {
    status: numberOf(error.code) ?? 0,
    code: typeof error.status === "string" ? error.status.toLowerCase() : "",
    message: typeof error.message === "string" ? error.message : "",
    param: null,
    retryAfterMs: null,
    recognised: true,
  };
  for (const detail of listOf(error.details)) {
    if (!isObject(detail)) continue;
    if (typeof detail.retryDelay === "string") info.retryAfterMs = readDuration(detail.retryDelay);
    // The only place that tells a wrong key from a wrong request: both are 400 INVALID_ARGUMENT.
    if (detail.reason === "API_KEY_INVALID") info.code = "api_key_invalid";
    const violation = listOf(detail.fieldViolations)[0];
    if (isObject(violation) && typeof violation.field === "string") info.param = violation.field;
  }
  return info;
}

/** Protobuf's duration, `7s` or `0.500s`, in milliseconds; null when it is none. */
function readDuration(text: string): number | null {
  const match = /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(text);
  return match === null ? null : Math.ceil(Number(match[1]) * 1000);
}
