/** Anthropic's `/v1/messages/count_tokens`. */
import { numberOf, objectOf, readBody } from "../json-value.ts";
import type { CountProtocol } from "./count.ts";
import { cutMembers } from "./cut-members.ts";

/** Members of a message body that the counting endpoint answers with "extra inputs are not permitted". */
const REFUSED = [
  "max_tokens",
  "stream",
  "temperature",
  "top_p",
  "top_k",
  "stop_sequences",
  "metadata",
  "service_tier",
  "container",
  "inference_geo",
];

export const anthropicCount: CountProtocol = {
  name: "anthropic",
  chat: "anthropic",
  toChatRequest: (doc) => ({ max_tokens: 1, ...readBody(doc) }),
  fromChatBody: (body) => cutMembers(body, REFUSED),
  decodeCount: (doc) => numberOf(objectOf(doc)?.["input_tokens"]) ?? null,
  encodeCount: (tokens) => JSON.stringify({ input_tokens: tokens }),
};
