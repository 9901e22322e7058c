/** Google AI Studio and Vertex: the model stands in the path, the verb decides whether it streams. */
import { bearer, keyHeader } from "./openai.ts";
import type { EmbeddingWay, PathCall, ProviderKind } from "./provider.ts";

export const googleAi: ProviderKind = {
  name: "google_ai",
  vendor: "google",
  speaks: () => ["gemini"],
  path: (facts, call) => {
    const base = /\/v1[a-z0-9]*$/.test(facts.basePath)
      ? facts.basePath
      : `${facts.basePath}/${facts.apiVersion || "v1beta"}`;
    const verb = geminiVerb(call);
    return verb === null ? null : `${base}/models/${encodeModel(call.model)}:${verb}`;
  },
  credentials: (facts) => keyHeader("x-goog-api-key", facts),
  defaultHeaders: [],
};

export const vertex: ProviderKind = {
  name: "vertex_ai",
  vendor: "google",
  speaks: (_facts, model) => (isClaude(model) ? ["anthropic"] : ["gemini"]),
  embeds: vertexEmbeds,
  path: (facts, call) => {
    const base = `${facts.basePath}/v1/projects/${facts.projectId}/locations/${facts.location}/publishers`;
    if (!isClaude(call.model)) {
      const verb = call.operation === "embed" ? vertexEmbedVerb(call.model) : geminiVerb(call);
      return verb === null ? null : `${base}/google/models/${encodeModel(call.model)}:${verb}`;
    }
    if (call.operation === "count") return `${base}/anthropic/models/count-tokens:rawPredict`;
    if (call.operation !== "chat") return null;
    return `${base}/anthropic/models/${encodeModel(call.model)}:${call.stream ? "streamRawPredict" : "rawPredict"}`;
  },
  // Without a key the bearer token is short-lived and fetched by the gateway (google-token.ts).
  credentials: (facts) => bearer(facts.apiKey),
  defaultHeaders: [],
};

function geminiVerb(call: PathCall): string | null {
  switch (call.operation) {
    case "chat":
      return call.stream ? "streamGenerateContent?alt=sse" : "generateContent";
    case "count":
      return "countTokens";
    case "embed":
      // A caller of the same protocol keeps its own verb.
      return call.rest === "" ? "batchEmbedContents" : call.rest.slice(1);
    default:
      return null;
  }
}

/** The first Gemini model embeds as those before it do, but one text a request; the later ones have a verb of their own. */
function vertexEmbeds(model: string): EmbeddingWay | null {
  if (isClaude(model)) return null;
  if (!model.includes("gemini")) return "vertex-predict";
  return model.startsWith("gemini-embedding-001") ? "vertex-predict-one" : "vertex-embed-content";
}

function vertexEmbedVerb(model: string): string {
  return vertexEmbeds(model) === "vertex-embed-content" ? "embedContent" : "predict";
}

function isClaude(model: string): boolean {
  return model.startsWith("claude");
}

function encodeModel(model: string): string {
  return encodeURIComponent(model).replaceAll("%2F", "/").replaceAll("%40", "@");
}
