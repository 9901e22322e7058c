/** Ollama's `/api/embed` and the older `/api/embeddings`, as client and as upstream (asked at `/api/embed`). */
import { badRequest } from "../../base/failure.ts";
import {
  type JsonObject,
  listOf,
  numberOf,
  objectOf,
  readBody,
  readBoolean,
  readNumber,
  readString,
  stringOf,
} from "../json-value.ts";
import type { EmbeddingProtocol } from "./embedding.ts";
import { requireText } from "./tasks.ts";
import { checkVectors, readVector, toNumbers } from "./vectors.ts";

export const ollamaEmbeddings: EmbeddingProtocol = {
  name: "ollama",
  /** Ollama has no limit of its own; this keeps one request from holding a small machine for minutes. */
  batchLimit: 512,

  decodeRequest(doc, context) {
    const body = readBody(doc);
    const dimensions = readNumber(body, "dimensions");
    const truncate = readBoolean(body, "truncate");
    return {
      model: readString(body, "model") ?? context.model,
      inputs: context.verb === "embeddings" ? readPrompt(body) : readInput(body["input"]),
      encodings: ["float"],
      form: context.verb === "embeddings" ? "one" : "list",
      ...(dimensions === undefined ? {} : { dimensions }),
      ...(truncate === undefined ? {} : { truncate: truncate ? "end" : "none" }),
    };
  },

  encodeRequest(request, context) {
    return context.large.render({
      model: context.model,
      input: request.inputs.map(requireText),
      ...(request.dimensions === undefined ? {} : { dimensions: request.dimensions }),
      ...(request.truncate === undefined ? {} : { truncate: request.truncate !== "none" }),
    });
  },

  decodeResponse(doc, request) {
    const body = objectOf(doc) ?? {};
    const entries = body["embedding"] === undefined ? listOf(body["embeddings"]) : [body["embedding"]];
    return checkVectors(
      {
        id: "",
        model: stringOf(body["model"]) ?? "",
        vectors: entries.map(readVector),
        promptTokens: numberOf(body["prompt_eval_count"]) ?? null,
      },
      request,
    );
  },

  encodeResponse(response, context) {
    const vectors = response.vectors.map(toNumbers);
    if (context.request.form === "one") return JSON.stringify({ embedding: vectors[0] ?? [] });
    return JSON.stringify({
      model: context.model,
      embeddings: vectors,
      total_duration: 0,
      load_duration: 0,
      prompt_eval_count: response.promptTokens ?? context.promptEstimate,
    });
  },
};

/** An empty prompt asks to load the model. */
function readPrompt(body: JsonObject): string[] {
  const prompt = readString(body, "prompt") ?? "";
  return prompt === "" ? [] : [prompt];
}

function readInput(input: unknown): string[] {
  if (input === undefined || input === null || input === "") return [];
  if (typeof input === "string") return [input];
  if (!Array.isArray(input))
    throw badRequest("input must be a text or a list of texts", "invalid_type", "input");
  return input.map((text, index) => {
    if (typeof text === "string") return text;
    throw badRequest(`input[${index}] must be a string`, "invalid_type", `input[${index}]`);
  });
}
