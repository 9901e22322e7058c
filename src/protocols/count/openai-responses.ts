/** OpenAI's `/v1/responses/input_tokens`. */
import { numberOf, objectOf, readBody } from "../json-value.ts";
import type { CountProtocol } from "./count.ts";
import { cutMembers } from "./cut-members.ts";

/** Members of a Responses body that the counting endpoint does not know. */
const REFUSED = [
  "stream",
  "stream_options",
  "store",
  "include",
  "background",
  "max_output_tokens",
  "max_tool_calls",
  "temperature",
  "top_p",
  "top_logprobs",
  "metadata",
  "user",
  "safety_identifier",
  "service_tier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "prompt_cache_options",
  "moderation",
  "context_management",
  "client_metadata",
];

export const responsesCount: CountProtocol = {
  name: "openai-responses",
  chat: "openai-responses",
  toChatRequest: readBody,
  fromChatBody: (body) => cutMembers(body, REFUSED),
  decodeCount: (doc) => numberOf(objectOf(doc)?.["input_tokens"]) ?? null,
  encodeCount: (tokens) => JSON.stringify({ object: "response.input_tokens", input_tokens: tokens }),
};
