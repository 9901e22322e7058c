/** OpenAI's `/v1/embeddings`, as client and as upstream. */
import { badRequest } from "../../base/failure.ts";
import {
  isObject,
  listOf,
  numberOf,
  objectOf,
  readBody,
  readNumber,
  readString,
  stringOf,
} from "../json-value.ts";
import type {
  EmbeddingInput,
  EmbeddingProtocol,
  EmbeddingRequest,
  Vector,
  VectorEncoding,
} from "./embedding.ts";
import { readTask } from "./tasks.ts";
import { badVectors, checkVectors, encodeBase64Vector, readVector, toNumbers } from "./vectors.ts";

export const openaiEmbeddings: EmbeddingProtocol = {
  name: "openai",
  batchLimit: 2048,

  decodeRequest(doc, context) {
    const body = readBody(doc);
    const dimensions = readNumber(body, "dimensions");
    const user = readString(body, "user");
    const task = readTask(
      readString(body, "input_type") ?? readString(body, "task_type") ?? readString(body, "taskType"),
    );
    return {
      model: readString(body, "model") ?? context.model,
      inputs: readInputs(body["input"]),
      encodings: [readEncoding(readString(body, "encoding_format"))],
      form: "list",
      ...(dimensions === undefined ? {} : { dimensions }),
      ...(task === undefined ? {} : { task }),
      ...(user === undefined ? {} : { user }),
    };
  },

  encodeRequest(request, context) {
    // `float` is said aloud: some servers have base64 for a default, and a wrong guess is a quarter of the vector.
    return context.large.render({
      model: context.model,
      input: request.inputs,
      encoding_format: "float",
      ...(request.dimensions === undefined ? {} : { dimensions: request.dimensions }),
      ...(request.user === undefined ? {} : { user: request.user }),
    });
  },

  decodeResponse(doc, request) {
    const body = objectOf(doc) ?? {};
    const usage = objectOf(body["usage"]);
    return checkVectors(
      {
        id: "",
        model: stringOf(body["model"]) ?? "",
        vectors: readData(listOf(body["data"]), request),
        promptTokens: numberOf(usage?.["prompt_tokens"]) ?? null,
      },
      request,
    );
  },

  encodeResponse(response, context) {
    const base64 = context.request.encodings[0] === "base64";
    const tokens = response.promptTokens ?? context.promptEstimate;
    return JSON.stringify({
      object: "list",
      data: response.vectors.map((vector, index) => ({
        object: "embedding",
        index,
        embedding: base64 ? encodeBase64Vector(vector) : toNumbers(vector),
      })),
      model: context.model,
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    });
  },
};

function readEncoding(format: string | undefined): VectorEncoding {
  if (format === undefined || format === "float") return "float";
  if (format === "base64") return "base64";
  throw badRequest("encoding_format must be float or base64", "invalid_value", "encoding_format");
}

function isTokens(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((token) => Number.isInteger(token));
}

function readInputs(input: unknown): EmbeddingInput[] {
  if (typeof input === "string") return [input];
  if (isTokens(input)) return [input];
  if (!Array.isArray(input) || input.length === 0) {
    throw badRequest(
      "input must be a text, a list of texts, or token ids, and not empty",
      "invalid_type",
      "input",
    );
  }
  return input.map((entry, index) => {
    if (typeof entry === "string" || isTokens(entry)) return entry;
    throw badRequest(
      `input[${index}] must be a text or a list of token ids`,
      "invalid_type",
      `input[${index}]`,
    );
  });
}

/** By `index`, since the order of `data` is not promised; without an index by place. */
function readData(data: readonly unknown[], request: EmbeddingRequest): Vector[] {
  const vectors: Vector[] = [];
  data.forEach((entry, place) => {
    if (!isObject(entry)) throw badVectors("an entry of data is no object");
    const index = numberOf(entry["index"]) ?? place;
    if (
      !Number.isInteger(index) ||
      index < 0 ||
      index >= request.inputs.length ||
      vectors[index] !== undefined
    ) {
      throw badVectors(`index ${index} is out of range or repeated`);
    }
    vectors[index] = readVector(entry["embedding"]);
  });
  return vectors;
}
