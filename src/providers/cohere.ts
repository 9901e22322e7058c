/** Cohere: v2 for chats of every caller but those that speak v1 themselves. */
import { bearer } from "./openai.ts";
import type { ProviderKind } from "./provider.ts";

export const cohere: ProviderKind = {
  name: "cohere",
  vendor: "cohere",
  speaks: () => ["cohere", "cohere-v1"],
  path: (facts, call) => {
    const base = facts.basePath.replace(/\/v[12]$/, "");
    const version = call.protocol === "cohere-v1" ? "v1" : "v2";
    switch (call.operation) {
      case "chat":
        return `${base}/${version}/chat`;
      case "embed":
        return `${base}/${version}/embed`;
      case "rerank":
        return `${base}/${version}/rerank`;
      default:
        return null;
    }
  },
  credentials: (facts) => bearer(facts.apiKey),
  defaultHeaders: [],
};
