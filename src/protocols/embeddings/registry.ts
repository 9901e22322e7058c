/** Every embedding protocol by its name. */
import { cohereEmbeddings, cohereV1Embeddings } from "./cohere.ts";
import type { EmbeddingProtocol, EmbeddingProtocolName } from "./embedding.ts";
import { geminiEmbeddings } from "./gemini.ts";
import { ollamaEmbeddings } from "./ollama.ts";
import { openaiEmbeddings } from "./openai.ts";

export const embeddingProtocols: Readonly<Record<EmbeddingProtocolName, EmbeddingProtocol>> = {
  openai: openaiEmbeddings,
  gemini: geminiEmbeddings,
  cohere: cohereEmbeddings,
  "cohere-v1": cohereV1Embeddings,
  ollama: ollamaEmbeddings,
};
