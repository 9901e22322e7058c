/** What only Cohere knows of a request, kept for a target of the same kind. */
import { type JsonObject, readString } from "../json-value.ts";
import type { ChatRequest } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";

export function readOwn(
  body: JsonObject,
  names: readonly string[],
  context: DecodeContext,
): ChatRequest["ext"] {
  const own: Record<string, string> = {};
  for (const name of names) {
    if (body[name] !== undefined && body[name] !== null) own[name] = context.large.jsonText(body[name]);
  }
  return Object.keys(own).length === 0 ? {} : { cohere: own };
}

export function readSafety(body: JsonObject, request: ChatRequest): void {
  const safety = readString(body, "safety_mode");
  if (safety !== undefined) request.safety = { vendor: "cohere", raw: JSON.stringify(safety) };
}
