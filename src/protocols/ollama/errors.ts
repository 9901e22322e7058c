/** Ollama's errors: `{"error": "…"}`, in a body and as a line of a stream. */
import type { Failure } from "../../base/failure.ts";
import { retryHeaders } from "../openai-chat/errors.ts";
import type { ErrorAnswer } from "../protocol.ts";

export { decodeError } from "../openai-chat/errors.ts";

export function encodeError(failure: Failure, _requestId: string): ErrorAnswer {
  return {
    status: failure.status,
    headers: retryHeaders(failure),
    body: JSON.stringify({ error: failure.message }),
  };
}

/** The line that ends a relayed stream; no `done:true` follows. */
export function encodeStreamError(failure: Failure): string {
  return `${JSON.stringify({ error: failure.message })}\n`;
}
