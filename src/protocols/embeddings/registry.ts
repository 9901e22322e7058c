/** Every embedding protocol by its name, and the ways to embed that only upstreams have. */
import { cohereEmbeddings, cohereV1Embeddings } from "./cohere.ts";
import type { EmbeddingProtocol, EmbeddingProtocolName, EmbeddingUpstream } from "./embedding.ts";
import { geminiEmbeddings } from "./gemini.ts";
import { ollamaEmbeddings } from "./ollama.ts";
import { openaiEmbeddings } from "./openai.ts";
import { vertexEmbedContent, vertexPredict, vertexPredictOne } from "./vertex.ts";

export const embeddingProtocols: Readonly<Record<EmbeddingProtocolName, EmbeddingProtocol>> = {
  openai: openaiEmbeddings,
  gemini: geminiEmbeddings,
  cohere: cohereEmbeddings,
  "cohere-v1": cohereV1Embeddings,
  ollama: ollamaEmbeddings,
};

export const embeddingUpstreams = {
  "vertex-predict": vertexPredict,
  "vertex-predict-one": vertexPredictOne,
  "vertex-embed-content": vertexEmbedContent,
} as const satisfies Readonly<Record<string, EmbeddingUpstream>>;
