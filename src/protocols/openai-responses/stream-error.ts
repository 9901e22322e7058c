/** Errors inside a Responses stream of an upstream. */
import type { UpstreamErrorInfo } from "../../base/upstream-error.ts";
import { type JsonObject, objectOf, stringOf } from "../json-value.ts";

/** `error` events are flat or nested; failed responses nest theirs. */
export function readStreamError(doc: JsonObject): UpstreamErrorInfo {
  const error = objectOf(doc["error"]) ?? doc;
  const code = stringOf(error["code"]) ?? stringOf(error["type"]) ?? "";
  return {
    status: statusOf(code),
    code: code === "error" ? "" : code.toLowerCase(),
    message: stringOf(error["message"]) ?? "the response failed",
    param: stringOf(error["param"]) ?? null,
    retryAfterMs: waitOf(stringOf(error["message"]) ?? ""),
    recognised: true,
  };
}

function statusOf(code: string): number {
  if (code === "rate_limit_exceeded" || code === "insufficient_quota") return 429;
  if (code === "context_length_exceeded" || code === "invalid_prompt" || code === "content_filter")
    return 400;
  return 500;
}

/** OpenAI says "Please try again in 1.5s" or "… in 20ms" where no header can be sent any more. */
function waitOf(message: string): number | null {
  const found = /try again in (\d+(?:\.\d+)?)\s*(ms|s)\b/i.exec(message);
  if (found === null) return null;
  return Math.ceil(Number(found[1]) * (found[2] === "ms" ? 1 : 1000));
}
