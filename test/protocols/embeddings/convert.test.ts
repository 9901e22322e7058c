/** Embedding requests and answers between every two protocols. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/base/failure.ts";
import { joinAnswers, splitInputs } from "../../../src/protocols/embeddings/batch.ts";
import type {
  EmbeddingProtocol,
  EmbeddingProtocolName,
  EmbeddingRequest,
  EmbeddingResponse,
} from "../../../src/protocols/embeddings/embedding.ts";
import { embeddingProtocols } from "../../../src/protocols/embeddings/registry.ts";
import {
  decodeBase64Vector,
  encodeBase64Vector,
  normaliseVector,
} from "../../../src/protocols/embeddings/vectors.ts";
import { createPlainLarge, parsePieces } from "../support/plain-large.ts";

const NAMES = Object.keys(embeddingProtocols) as EmbeddingProtocolName[];
const { openai, gemini, cohere, ollama } = embeddingProtocols;

function decode(protocol: EmbeddingProtocol, doc: unknown, verb = "") {
  return protocol.decodeRequest(doc, { model: "path-model", verb, large: createPlainLarge() });
}

function encode(protocol: EmbeddingProtocol, request: EmbeddingRequest, warnings: string[] = []): unknown {
  return parsePieces(
    protocol.encodeRequest(request, {
      model: "up",
      warn: (code, field) => warnings.push(`${code}:${field}`),
      large: createPlainLarge(),
    }),
  );
}

function answer(protocol: EmbeddingProtocol, request: EmbeddingRequest, response: EmbeddingResponse) {
  const text = protocol.encodeResponse(response, {
    request,
    model: "shown",
    id: "uuid",
    promptEstimate: 3,
    large: createPlainLarge(),
  });
  return JSON.parse(text) as Record<string, unknown>;
}

function rejects(run: () => unknown, param: string) {
  assert.throws(run, (error) => {
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.status, 400);
    assert.equal(error.param, param);
    return true;
  });
}

const ASKED = ["one", "zwei", "三"];
const BODIES: Record<EmbeddingProtocolName, [doc: unknown, verb: string]> = {
  openai: [{ model: "m", input: ASKED, dimensions: 256 }, ""],
  gemini: [
    { requests: ASKED.map((text) => ({ content: { parts: [{ text }] }, outputDimensionality: 256 })) },
    "batchEmbedContents",
  ],
  cohere: [{ model: "m", texts: ASKED, input_type: "search_document", output_dimension: 256 }, ""],
  "cohere-v1": [{ model: "m", texts: ASKED, input_type: "search_query" }, ""],
  ollama: [{ model: "m", input: ASKED, dimensions: 256 }, "embed"],
};

for (const from of NAMES) {
  for (const to of NAMES) {
    test(`texts asked in ${from}'s way reach a ${to} upstream in order, and its vectors come back in order`, () => {
      const [doc, verb] = BODIES[from];
      const asked = decode(embeddingProtocols[from], doc, verb);
      const { dimensions: _, ...plain } = asked;
      const request = to === "cohere-v1" ? plain : asked;
      const upstream = embeddingProtocols[to];
      // The upstream reads what was written for it, and answers in its own shape.
      const seen = decode(upstream, encode(upstream, request), upstream.upstreamVerb ?? "embed");
      assert.deepEqual(seen.inputs, ASKED);
      if (from !== "cohere-v1" && to !== "cohere-v1") assert.equal(seen.dimensions, 256);
      const vectors = [
        [0.6, 0.8],
        [1, 0],
        [0, -1],
      ];
      const wire = answer(upstream, seen, { id: "", model: "", vectors, promptTokens: 7 });
      const response = upstream.decodeResponse(wire, request);
      const shown = answer(embeddingProtocols[from], request, response);
      const again = embeddingProtocols[from].decodeResponse(shown, { ...request, dimensions: 2 });
      assert.deepEqual(
        again.vectors.map((vector) => Array.from(vector).map((number) => Math.round(number * 10) / 10)),
        vectors,
      );
    });
  }
}

test("38. a caller that asked for base64 gets the whole vector of an upstream that answers floats", () => {
  const request = decode(openai, { model: "m", input: "hi", encoding_format: "base64" });
  const floats = Array.from({ length: 8 }, (_, index) => index / 8);
  for (const wire of [
    { name: "cohere" as const, doc: { id: "x", embeddings: { float: [floats] } } },
    { name: "cohere-v1" as const, doc: { id: "x", embeddings: [floats] } },
    { name: "gemini" as const, doc: { embeddings: [{ values: floats }] } },
    { name: "gemini" as const, doc: { embedding: { values: floats } } },
    { name: "ollama" as const, doc: { embeddings: [floats] } },
    { name: "openai" as const, doc: { data: [{ embedding: floats, index: 0 }] } },
  ]) {
    const response = embeddingProtocols[wire.name].decodeResponse(wire.doc, request);
    const shown = answer(openai, request, response) as { data: { embedding: string }[] };
    assert.deepEqual(Array.from(decodeBase64Vector(shown.data[0]?.embedding ?? "")), floats);
  }
});

test("38. an upstream that answers base64 reaches a caller that reads floats as floats", () => {
  const request = decode(openai, { model: "m", input: ["a", "b"], encoding_format: "float" });
  const data = [
    { index: 1, embedding: encodeBase64Vector([3, 4]) },
    { index: 0, embedding: encodeBase64Vector([0.5, -2]) },
  ];
  const response = openai.decodeResponse({ data, usage: { prompt_tokens: 4 } }, request);
  const shown = answer(openai, request, response) as { data: { embedding: number[] }[]; usage: object };
  assert.deepEqual(
    shown.data.map((entry) => entry.embedding),
    [
      [0.5, -2],
      [3, 4],
    ],
  );
  assert.deepEqual(shown.usage, { prompt_tokens: 4, total_tokens: 4 });
});

test("39. 250 texts for Cohere are three requests whose answers keep the order", () => {
  const texts = Array.from({ length: 250 }, (_, index) => `text ${index}`);
  const request = decode(openai, { model: "m", input: texts });
  const batches = splitInputs(request, cohere.batchLimit);
  assert.deepEqual(
    batches.map((batch) => batch.inputs.length),
    [96, 96, 58],
  );
  const answers = batches.map((batch) => {
    const body = encode(cohere, batch) as { texts: string[]; input_type: string; embedding_types: string[] };
    assert.equal(body.input_type, "search_document");
    assert.deepEqual(body.embedding_types, ["float"]);
    return cohere.decodeResponse(
      {
        id: "a",
        embeddings: { float: body.texts.map((text) => [Number(text.slice(5)), 0]) },
        meta: { billed_units: { input_tokens: 10 } },
      },
      batch,
    );
  });
  const shown = answer(openai, request, joinAnswers(answers)) as {
    data: { index: number; embedding: number[] }[];
    usage: { prompt_tokens: number };
  };
  assert.equal(shown.data.length, 250);
  shown.data.forEach((entry, index) => {
    assert.equal(entry.index, index);
    assert.equal(entry.embedding[0], index);
  });
  assert.equal(shown.usage.prompt_tokens, 30);
});

test("39. token ids go to OpenAI only", () => {
  for (const input of [
    [1, 2, 3],
    [
      [1, 2],
      [3, 4],
    ],
  ]) {
    const request = decode(openai, { model: "m", input });
    assert.deepEqual(
      (encode(openai, request) as { input: unknown }).input,
      Array.isArray(input[0]) ? input : [input],
    );
    for (const name of NAMES) {
      if (name !== "openai") rejects(() => encode(embeddingProtocols[name], request), "input[0]");
    }
  }
});

test("40. two texts through :batchEmbedContents are answered with two embeddings, one through :embedContent with one", () => {
  const many = decode(gemini, BODIES.gemini[0], "batchEmbedContents");
  const vectors = [[1], [2], [3]];
  const response = { id: "", model: "", vectors, promptTokens: null };
  assert.deepEqual(answer(gemini, many, response), { embeddings: vectors.map((values) => ({ values })) });
  const one = decode(
    gemini,
    { content: { parts: { text: "x" } }, task_type: "RETRIEVAL_QUERY", output_dimensionality: 64 },
    "embedContent",
  );
  assert.equal(one.task, "query");
  assert.equal(one.dimensions, 64);
  assert.deepEqual(answer(gemini, one, { ...response, vectors: [[9]] }), { embedding: { values: [9] } });
});

test("the task is named in each vendor's words", () => {
  const request = decode(
    gemini,
    { content: { parts: [{ text: "x" }] }, taskType: "CODE_RETRIEVAL_QUERY" },
    "embedContent",
  );
  assert.equal((encode(cohere, request) as { input_type: string }).input_type, "search_query");
  const extension = decode(openai, { model: "m", input: "x", input_type: "query" });
  const written = encode(gemini, extension) as { requests: { taskType: string; model: string }[] };
  assert.equal(written.requests[0]?.taskType, "RETRIEVAL_QUERY");
  assert.equal(written.requests[0]?.model, "models/up");
  const warnings: string[] = [];
  const similar = decode(
    gemini,
    { content: { parts: [{ text: "x" }] }, taskType: "SEMANTIC_SIMILARITY" },
    "embedContent",
  );
  encode(cohere, similar, warnings);
  assert.deepEqual(warnings, ["task_type_changed:taskType"]);
});

test("a vector that Gemini shortened comes back with length 1", () => {
  const request = decode(openai, { model: "m", input: "x", dimensions: 2 });
  const response = gemini.decodeResponse({ embeddings: [{ values: [3, 4] }] }, request);
  assert.deepEqual(response.vectors, [[0.6, 0.8]]);
  assert.deepEqual(normaliseVector([0, 0]), [0, 0]);
});

test("what cannot be carried is a 400 that names it", () => {
  rejects(
    () => decode(cohere, { model: "m", texts: ["a"], embedding_types: ["float", "int8"] }),
    "embedding_types[1]",
  );
  rejects(() => decode(cohere, { model: "m", images: ["data:image/png;base64,AA=="] }), "images");
  rejects(() => decode(cohere, { model: "m" }), "texts");
  rejects(() => decode(openai, { model: "m", input: [] }), "input");
  rejects(() => decode(openai, { model: "m", input: ["a", 5] }), "input[1]");
  rejects(() => decode(openai, { model: "m", input: "a", encoding_format: "int8" }), "encoding_format");
  rejects(() => decode(openai, { model: "m", input: "a", dimensions: "256" }), "dimensions");
  rejects(() => decode(ollama, { model: "m", input: [7] }, "embed"), "input[0]");
  rejects(
    () => decode(gemini, { content: { parts: [{ inlineData: {} }] } }, "embedContent"),
    "content.parts[0]",
  );
  const mixed = [
    { content: { parts: [{ text: "a" }] } },
    { content: { parts: [{ text: "b" }] }, outputDimensionality: 8 },
  ];
  rejects(() => decode(gemini, { requests: mixed }, "batchEmbedContents"), "requests[1]");
  const shortened = decode(openai, { model: "m", input: "a", dimensions: 256 });
  rejects(() => encode(embeddingProtocols["cohere-v1"], shortened), "dimensions");
});

test("an answer with a vector missing, doubled or unreadable is a 502, not a shifted list", () => {
  const request = decode(openai, { model: "m", input: ["a", "b"] });
  const bad: [EmbeddingProtocolName, unknown][] = [
    ["openai", { data: [{ index: 0, embedding: [1] }] }],
    [
      "openai",
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 0, embedding: [2] },
        ],
      },
    ],
    [
      "openai",
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 5, embedding: [2] },
        ],
      },
    ],
    [
      "openai",
      {
        data: [
          { index: 0, embedding: "AAA" },
          { index: 1, embedding: [2] },
        ],
      },
    ],
    ["openai", { data: [7, 8] }],
    ["openai", "nonsense"],
    ["openai", null],
    ["gemini", { embeddings: [{ values: [1] }] }],
    ["gemini", { embeddings: [{ values: [1] }, {}] }],
    ["cohere", { embeddings: { int8: [[1], [2]] } }],
    ["ollama", { embeddings: [[1], ["x"]] }],
  ];
  for (const [name, doc] of bad) {
    assert.throws(
      () => embeddingProtocols[name].decodeResponse(doc, request),
      (error) => error instanceof Failure && error.status === 502,
      JSON.stringify(doc),
    );
  }
  const one = { id: "", model: "", promptTokens: 1 };
  assert.throws(() =>
    joinAnswers([
      { ...one, vectors: [[1, 2]] },
      { ...one, vectors: [[1]] },
    ]),
  );
  assert.throws(() => joinAnswers([]));
});

test("an empty Ollama prompt asks to load the model and is answered with no vector", () => {
  const old = decode(ollama, { model: "m", prompt: "" }, "embeddings");
  assert.deepEqual(old.inputs, []);
  const none = { id: "", model: "", vectors: [], promptTokens: 0 };
  assert.deepEqual(answer(ollama, old, none), { embedding: [] });
  const empty = decode(ollama, { model: "m", input: [] }, "embed");
  assert.deepEqual(answer(ollama, empty, none)["embeddings"], []);
});
