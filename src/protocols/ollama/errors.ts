/** Ollama's errors: `{"error": "…"}`, in a body and as a line of a stream. */
import type { Failure } from "../../base/failure.ts";
import { encodeError as encodeOpenaiError } from "../openai-chat/errors.ts";
import type { ErrorAnswer } from "../protocol.ts";

export { decodeError } from "../openai-chat/errors.ts";

/** Statuses and waits are OpenAI's; only the body differs. */
export function encodeError(failure: Failure, requestId: string): ErrorAnswer {
  return { ...encodeOpenaiError(failure, requestId), body: JSON.stringify({ error: failure.message }) };
}

/** The line that ends a relayed stream; no `done:true` follows. */
export function encodeStreamError(failure: Failure): string {
  return `${JSON.stringify({ error: failure.message })}\n`;
}
