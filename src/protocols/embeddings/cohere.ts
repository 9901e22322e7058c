/** Cohere's `/v2/embed` and `/v1/embed`, as client and as upstream. */
import { badRequest } from "../../base/failure.ts";
import {
  type JsonObject,
  listOf,
  numberOf,
  objectOf,
  readBody,
  readList,
  readNumber,
  readString,
  requireObject,
  stringOf,
} from "../json-value.ts";
import type {
  EmbeddingAnswerContext,
  EmbeddingDecodeContext,
  EmbeddingProtocol,
  EmbeddingResponse,
  VectorEncoding,
} from "./embedding.ts";
import { cohereInputType, readTask, requireText } from "./tasks.ts";
import { checkVectors, encodeBase64Vector, readVector, toNumbers } from "./vectors.ts";

export const cohereEmbeddings: EmbeddingProtocol = createCohereEmbeddings("cohere");
export const cohereV1Embeddings: EmbeddingProtocol = createCohereEmbeddings("cohere-v1");

function createCohereEmbeddings(name: "cohere" | "cohere-v1"): EmbeddingProtocol {
  const old = name === "cohere-v1";
  return {
    name,
    batchLimit: 96,

    decodeRequest(doc, context) {
      const body = readBody(doc);
      const dimensions = readNumber(body, "output_dimension");
      const task = readTask(readString(body, "input_type"));
      const truncate = readTruncate(readString(body, "truncate"));
      const types = readList(body, "embedding_types");
      return {
        model: readString(body, "model") ?? context.model,
        inputs: readTexts(body, context),
        encodings: readEncodings(types),
        form: old && types === undefined ? "list" : "by_type",
        ...(dimensions === undefined ? {} : { dimensions }),
        ...(task === undefined ? {} : { task }),
        ...(truncate === undefined ? {} : { truncate }),
      };
    },

    encodeRequest(request, context) {
      if (old && request.dimensions !== undefined) {
        throw badRequest("this provider cannot shorten vectors", "unsupported_parameter", "dimensions");
      }
      return context.large.render({
        model: context.model,
        texts: request.inputs.map(requireText),
        input_type: cohereInputType(request.task, context.warn),
        embedding_types: ["float"],
        ...(request.dimensions === undefined ? {} : { output_dimension: request.dimensions }),
        ...(request.truncate === undefined ? {} : { truncate: request.truncate.toUpperCase() }),
      });
    },

    decodeResponse(doc, request) {
      const body = objectOf(doc) ?? {};
      const byType = objectOf(body["embeddings"]);
      const entries = byType === undefined ? body["embeddings"] : (byType["float"] ?? byType["base64"]);
      const billed = objectOf(objectOf(body["meta"])?.["billed_units"]);
      return checkVectors(
        {
          id: stringOf(body["id"]) ?? "",
          model: "",
          vectors: listOf(entries).map(readVector),
          promptTokens: numberOf(billed?.["input_tokens"]) ?? null,
        },
        request,
      );
    },

    encodeResponse,
  };
}

function encodeResponse(response: EmbeddingResponse, context: EmbeddingAnswerContext): string {
  const { form, encodings, inputs } = context.request;
  const lists: Record<string, unknown> = {};
  for (const encoding of encodings) {
    lists[encoding] =
      encoding === "float" ? response.vectors.map(toNumbers) : response.vectors.map(encodeBase64Vector);
  }
  return JSON.stringify({
    id: response.id || context.id,
    embeddings: form === "list" ? response.vectors.map(toNumbers) : lists,
    texts: inputs.map((input) => context.large.expand(String(input))),
    meta: {
      api_version: { version: form === "list" ? "1" : "2" },
      billed_units: { input_tokens: response.promptTokens ?? context.promptEstimate },
    },
    response_type: form === "list" ? "embeddings_floats" : "embeddings_by_type",
  });
}

function readEncodings(types: readonly unknown[] | undefined): VectorEncoding[] {
  if (types === undefined || types.length === 0) return ["float"];
  return types.map((type, index) => {
    if (type === "float" || type === "base64") return type;
    const param = `embedding_types[${index}]`;
    throw badRequest(
      `${param}: this model's provider answers float and base64 only`,
      "unsupported_value",
      param,
    );
  });
}

function readTruncate(word: string | undefined): "start" | "end" | "none" | undefined {
  const lower = word?.toLowerCase();
  return lower === "start" || lower === "end" || lower === "none" ? lower : undefined;
}

function readTexts(body: JsonObject, context: EmbeddingDecodeContext): string[] {
  if (listOf(body["images"]).length > 0) {
    throw badRequest("images cannot be embedded by this model's provider", "unsupported_input", "images");
  }
  const texts = readList(body, "texts");
  if (texts !== undefined && texts.length > 0) {
    return texts.map((text, index) => {
      if (typeof text === "string") return text;
      throw badRequest(`texts[${index}] must be a string`, "invalid_type", `texts[${index}]`);
    });
  }
  const inputs = readList(body, "inputs") ?? [];
  if (inputs.length === 0) throw badRequest("texts must not be empty", "missing_member", "texts");
  return inputs.map((input, index) => {
    const path = `inputs[${index}]`;
    const parts = readList(requireObject(input, path), "content", path) ?? [];
    const pieces = parts.map((part, place) => {
      const text = stringOf(objectOf(part)?.["text"]);
      if (text !== undefined) return text;
      const param = `${path}.content[${place}]`;
      throw badRequest(`${param} holds no text: only texts can be embedded here`, "unsupported_input", param);
    });
    return pieces.length === 1
      ? (pieces[0] ?? "")
      : pieces.map((piece) => context.large.expand(piece)).join("\n");
  });
}
