/** Gemini's `:embedContent` and `:batchEmbedContents`, as client and as upstream (always asked in batches). */
import { badRequest } from "../../base/failure.ts";
import {
  isObject,
  type JsonObject,
  listOf,
  numberOf,
  objectOf,
  readBody,
  readList,
  readObject,
} from "../json-value.ts";
import type { EmbeddingDecodeContext, EmbeddingProtocol, EmbeddingRequest } from "./embedding.ts";
import { geminiTask, readTask, requireText } from "./tasks.ts";
import { checkVectors, normaliseVector, readVector, toNumbers } from "./vectors.ts";

export const geminiEmbeddings: EmbeddingProtocol = {
  name: "gemini",
  batchLimit: 100,
  upstreamVerb: "batchEmbedContents",

  decodeRequest(doc, context) {
    const body = readBody(doc);
    if (context.verb !== "batchEmbedContents") {
      return {
        model: context.model,
        inputs: [readText(body, "", context)],
        encodings: ["float"],
        form: "one",
        ...readSettings(body),
      };
    }
    const entries = readList(body, "requests") ?? [];
    if (entries.length === 0) throw badRequest("requests must not be empty", "missing_member", "requests");
    let settings: Settings = {};
    const inputs = entries.map((entry, index) => {
      const path = `requests[${index}]`;
      if (!isObject(entry)) throw badRequest(`${path} must be an object`, "invalid_type", path);
      const own = readSettings(entry);
      if (index === 0) settings = own;
      else if (JSON.stringify(own) !== JSON.stringify(settings)) {
        throw badRequest(
          "all requests of a batch must have the same settings",
          "unsupported_parameter",
          path,
        );
      }
      return readText(entry, path, context);
    });
    return { model: context.model, inputs, encodings: ["float"], form: "list", ...settings };
  },

  encodeRequest(request, context) {
    const model = `models/${context.model}`;
    return context.large.render({
      requests: request.inputs.map((input, index) => ({
        model,
        content: { parts: [{ text: requireText(input, index) }] },
        ...(request.task === undefined ? {} : { taskType: geminiTask(request.task) }),
        ...(request.title === undefined ? {} : { title: request.title }),
        ...(request.dimensions === undefined ? {} : { outputDimensionality: request.dimensions }),
      })),
    });
  },

  decodeResponse(doc, request) {
    const body = objectOf(doc) ?? {};
    const one = objectOf(body["embedding"]);
    const entries = one === undefined ? listOf(body["embeddings"]) : [one];
    const vectors = entries.map((entry) => readVector(objectOf(entry)?.["values"]));
    return checkVectors(
      {
        id: "",
        model: "",
        vectors: request.dimensions === undefined ? vectors : vectors.map(normaliseVector),
        promptTokens: numberOf(objectOf(body["usageMetadata"])?.["promptTokenCount"]) ?? null,
      },
      request,
    );
  },

  encodeResponse(response, context) {
    const list = response.vectors.map((vector) => ({ values: toNumbers(vector) }));
    return JSON.stringify(context.request.form === "one" ? { embedding: list[0] } : { embeddings: list });
  },
};

type Settings = Pick<EmbeddingRequest, "dimensions" | "task" | "title">;

/** Gemini clients write camelCase or snake_case. */
function member(doc: JsonObject, camel: string, snake: string): unknown {
  return doc[camel] ?? doc[snake];
}

function readSettings(doc: JsonObject): Settings {
  const word = member(doc, "taskType", "task_type");
  const task = typeof word === "string" ? readTask(word) : undefined;
  const dimensions = numberOf(member(doc, "outputDimensionality", "output_dimensionality"));
  const title = doc["title"];
  return {
    ...(dimensions === undefined ? {} : { dimensions }),
    ...(task === undefined ? {} : { task }),
    ...(typeof title === "string" ? { title } : {}),
  };
}

function readText(doc: JsonObject, path: string, context: EmbeddingDecodeContext): string {
  const content = readObject(doc, "content", path);
  const where = path === "" ? "content" : `${path}.content`;
  const given = content?.["parts"];
  const parts = Array.isArray(given) ? given : given === undefined ? [] : [given];
  if (parts.length === 0) throw badRequest(`${where}.parts is required`, "missing_member", `${where}.parts`);
  const texts = parts.map((part, index) => {
    const text = objectOf(part)?.["text"];
    if (typeof text === "string") return text;
    const param = `${where}.parts[${index}]`;
    throw badRequest(`${param} holds no text: only texts can be embedded here`, "unsupported_input", param);
  });
  if (texts.length === 1) return texts[0] ?? "";
  return texts.map((text) => context.large.expand(text)).join("");
}
