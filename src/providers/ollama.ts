/** An Ollama server: OpenAI's protocol under /v1 for everybody, its own /api/* for callers that speak it. */
import { bearer, openaiPath } from "./openai.ts";
import type { ProviderKind } from "./provider.ts";

export const ollama: ProviderKind = {
  name: "ollama",
  vendor: "ollama",
  speaks: () => ["openai-chat", "ollama"],
  path: (facts, call) => {
    const base = facts.basePath.endsWith("/v1") ? facts.basePath.slice(0, -3) : facts.basePath;
    if (call.protocol === "ollama") {
      if (call.operation === "chat") return `${base}/api${call.rest === "" ? "/chat" : call.rest}`;
      if (call.operation === "embed") return `${base}/api${call.rest === "" ? "/embed" : call.rest}`;
      return null;
    }
    return openaiPath(`${base}/v1`, call);
  },
  credentials: (facts) => bearer(facts.apiKey),
  defaultHeaders: [],
};
