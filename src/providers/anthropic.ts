/** Anthropic's own API, and Bedrock's Mantle endpoint, which is the same API behind a bearer key. */
import { bearer, keyHeader } from "./openai.ts";
import type { PathCall, ProviderKind } from "./provider.ts";

export const anthropic: ProviderKind = {
  name: "anthropic",
  vendor: "anthropic",
  speaks: () => ["anthropic"],
  path: (facts, call) => messagesPath(withoutVersion(facts.basePath), call),
  modelsPath: (facts) => `${withoutVersion(facts.basePath)}/v1/models?limit=1000`,
  credentials: (facts) => keyHeader("x-api-key", facts),
  defaultHeaders: ["anthropic-version", "2023-06-01"],
};

export const bedrock: ProviderKind = {
  name: "bedrock",
  vendor: "anthropic",
  speaks: () => ["anthropic"],
  path: (facts, call) => messagesPath(withoutVersion(facts.basePath), call),
  credentials: (facts) => bearer(facts.apiKey),
  defaultHeaders: ["anthropic-version", "2023-06-01"],
};

function messagesPath(base: string, call: PathCall): string | null {
  if (call.operation === "chat") return `${base}/v1/messages`;
  if (call.operation === "count") return `${base}/v1/messages/count_tokens`;
  return null;
}

/** People write base_url with and without the version, as the SDKs disagree about it. */
function withoutVersion(basePath: string): string {
  return basePath.endsWith("/v1") ? basePath.slice(0, -3) : basePath;
}
