/** OpenAI and every server that speaks like it. base_url holds the version (`…/v1`). */
import type { PathCall, ProviderFacts, ProviderKind } from "./provider.ts";

export const openai: ProviderKind = {
  name: "openai",
  vendor: "openai",
  speaks: (facts) => (facts.responsesApi ? ["openai-chat", "openai-responses"] : ["openai-chat"]),
  path: ({ basePath }, call) =>
    call.operation === "chat" && call.protocol === "openai-chat"
      ? chatPath(basePath, call)
      : openaiPath(basePath, call),
  credentials: (facts) => bearer(facts.apiKey),
  defaultHeaders: [],
};

/** Of the provider that was asked last: a path that is put together anew has to be read again to be recognised. */
let lastBase: string | null = null;
let lastChat: string | null = null;

function chatPath(base: string, call: PathCall): string | null {
  if (base !== lastBase) {
    lastBase = base;
    lastChat = openaiPath(base, call);
  }
  return lastChat;
}

/** Paths below `base` as OpenAI names them; null for what it does not have. */
export function openaiPath(base: string, call: PathCall): string | null {
  switch (call.operation) {
    case "chat":
      return call.protocol === "openai-responses" ? `${base}/responses` : `${base}/chat/completions`;
    case "complete":
      return `${base}/completions`;
    case "embed":
      return `${base}/embeddings`;
    case "rerank":
      return `${base}/rerank`;
    case "count":
      return `${base}/responses/input_tokens`;
    case "images":
      return `${base}/images${call.rest}`;
    case "audio":
      return `${base}/audio${call.rest}`;
    case "moderations":
      return `${base}/moderations`;
    case "responses-item":
      return `${base}/responses${call.rest}`;
    case "compact":
      return `${base}/responses/compact`;
  }
}

/** `authorization: Bearer …` or nothing. */
export function bearer(apiKey: string): string {
  return apiKey === "" ? "" : `authorization: Bearer ${apiKey}\r\n`;
}

/** Used by kinds that take the key in a header of their own. */
export function keyHeader(name: string, facts: ProviderFacts): string {
  return facts.apiKey === "" ? "" : `${name}: ${facts.apiKey}\r\n`;
}
