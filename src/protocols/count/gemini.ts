/** Gemini's `:countTokens`. */
import { numberOf, objectOf, readBody, readObject } from "../json-value.ts";
import type { CountProtocol } from "./count.ts";

export const geminiCount: CountProtocol = {
  name: "gemini",
  chat: "gemini",

  toChatRequest(doc) {
    const body = readBody(doc);
    return readObject(body, "generateContentRequest") ?? readObject(body, "generate_content_request") ?? body;
  },

  /** `generateContentRequest` instead of `contents`, so that instructions and tools are counted too; it names its model. */
  fromChatBody(body, model) {
    const [first, ...rest] = body;
    if (first === undefined || first.length === 0) return [...body];
    const head = `{"generateContentRequest":{"model":${JSON.stringify(`models/${model}`)}`;
    const text = Buffer.from(first);
    const inner = text.subarray(text.indexOf(0x7b) + 1);
    const empty = rest.length === 0 && /^\s*\}/.test(inner.toString("latin1", 0, 16));
    return [Buffer.from(empty ? head : `${head},`), inner, ...rest, Buffer.from("}")];
  },

  decodeCount: (doc) => numberOf(objectOf(doc)?.["totalTokens"]) ?? null,
  encodeCount: (tokens) => JSON.stringify({ totalTokens: tokens }),
};
