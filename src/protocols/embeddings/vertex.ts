/**
 * Vertex's two ways to embed, as an upstream: `:predict`, and `:embedContent` for the Gemini models after the first, which
 * has no batches (docs.cloud.google.com/vertex-ai/generative-ai/docs/embeddings/get-text-embeddings; @google/genai 3.3
 * chooses the same way). AI Studio's `:batchEmbedContents` is not there.
 */
import { listOf, numberOf, objectOf } from "../json-value.ts";
import type { EmbeddingRequest, EmbeddingUpstream } from "./embedding.ts";
import { geminiTask, requireText } from "./tasks.ts";
import { checkVectors, normaliseVector, readVector } from "./vectors.ts";

export const vertexPredict: EmbeddingUpstream = {
  batchLimit: 250,

  encodeRequest(request, context) {
    const parameters = {
      ...(request.dimensions === undefined ? {} : { outputDimensionality: request.dimensions }),
      ...truncation(request),
    };
    return context.large.render({
      instances: request.inputs.map((input, index) => ({
        content: requireText(input, index),
        ...(request.task === undefined ? {} : { task_type: geminiTask(request.task) }),
        ...(request.title === undefined ? {} : { title: request.title }),
      })),
      ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
    });
  },

  decodeResponse(doc, request) {
    const found = listOf(objectOf(doc)?.["predictions"]).map((entry) =>
      objectOf(objectOf(entry)?.["embeddings"]),
    );
    let promptTokens: number | null = 0;
    for (const embedding of found) {
      const tokens = numberOf(objectOf(embedding?.["statistics"])?.["token_count"]);
      promptTokens = promptTokens === null || tokens === undefined ? null : promptTokens + tokens;
    }
    return answered(
      found.map((embedding) => embedding?.["values"]),
      promptTokens,
      request,
    );
  },
};

/** `gemini-embedding-001` takes one text a request. */
export const vertexPredictOne: EmbeddingUpstream = { ...vertexPredict, batchLimit: 1 };

export const vertexEmbedContent: EmbeddingUpstream = {
  batchLimit: 1,

  encodeRequest(request, context) {
    const config = {
      ...(request.task === undefined ? {} : { taskType: geminiTask(request.task) }),
      ...(request.title === undefined ? {} : { title: request.title }),
      ...(request.dimensions === undefined ? {} : { outputDimensionality: request.dimensions }),
      ...truncation(request),
    };
    return context.large.render({
      content: {
        role: "user",
        parts: request.inputs.map((input, index) => ({ text: requireText(input, index) })),
      },
      ...(Object.keys(config).length === 0 ? {} : { embedContentConfig: config }),
    });
  },

  decodeResponse(doc, request) {
    const body = objectOf(doc) ?? {};
    const tokens = numberOf(objectOf(body["usageMetadata"])?.["promptTokenCount"]) ?? null;
    return answered([objectOf(body["embedding"])?.["values"]], tokens, request);
  },
};

/** Too long a text is shortened at its end unless it is forbidden. */
function truncation(request: EmbeddingRequest): { autoTruncate?: false } {
  return request.truncate === "none" ? { autoTruncate: false } : {};
}

function answered(values: readonly unknown[], promptTokens: number | null, request: EmbeddingRequest) {
  const vectors = values.map(readVector);
  return checkVectors(
    {
      id: "",
      model: "",
      vectors: request.dimensions === undefined ? vectors : vectors.map(normaliseVector),
      promptTokens,
    },
    request,
  );
}
