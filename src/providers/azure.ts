/** Azure OpenAI, classic deployment paths: the model is the deployment and stands in the path. */
import { keyHeader, openaiPath } from "./openai.ts";
import type { ProviderKind } from "./provider.ts";

export const azure: ProviderKind = {
  name: "azure_openai",
  vendor: "openai",
  speaks: (facts) => (facts.responsesApi ? ["openai-chat", "openai-responses"] : ["openai-chat"]),
  path: (facts, call) => {
    const version = `?api-version=${encodeURIComponent(facts.apiVersion)}`;
    // Responses has no deployment path: the model stays in the body (openai SDK, azure client).
    if (
      call.protocol === "openai-responses" ||
      call.operation === "responses-item" ||
      call.operation === "compact"
    ) {
      const path = openaiPath(`${facts.basePath}/openai`, call);
      return path === null ? null : path + version;
    }
    const path = openaiPath(`${facts.basePath}/openai/deployments/${encodeURIComponent(call.model)}`, call);
    return path === null ? null : path + version;
  },
  credentials: (facts) => keyHeader("api-key", facts),
  defaultHeaders: [],
};
