/** `GET /v1beta/models` and `/v1beta/models/{m}` in Gemini's shape. */
import type { ModelEntry } from "./model-entry.ts";

const METHODS: Readonly<Record<ModelEntry["kind"], readonly string[]>> = {
  chat: ["generateContent", "streamGenerateContent", "countTokens"],
  embedding: ["embedContent", "batchEmbedContents"],
  rerank: [],
};

/** The whole list as one page: no `nextPageToken`. */
export function writeGeminiModels(entries: readonly ModelEntry[]): string {
  return JSON.stringify({ models: entries.map(toGemini) });
}

export function writeGeminiModel(entry: ModelEntry): string {
  return JSON.stringify(toGemini(entry));
}

function toGemini(entry: ModelEntry) {
  return {
    name: `models/${entry.id}`,
    version: "1",
    displayName: entry.displayName ?? entry.id,
    ...(entry.contextTokens === undefined ? {} : { inputTokenLimit: entry.contextTokens }),
    ...(entry.outputTokens === undefined ? {} : { outputTokenLimit: entry.outputTokens }),
    supportedGenerationMethods: METHODS[entry.kind],
    ...(entry.thinking === undefined ? {} : { thinking: entry.thinking }),
  };
}
