/** Vertex's `:predict` and `:embedContent`: written as Google's own package writes them, and their answers read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GoogleGenAI } from "google-genai-3";
import { Failure } from "../../../src/base/failure.ts";
import type { EmbeddingRequest, EmbeddingUpstream } from "../../../src/protocols/embeddings/embedding.ts";
import { embeddingUpstreams } from "../../../src/protocols/embeddings/registry.ts";
import { vertex } from "../../../src/providers/google.ts";
import { startAnswerServer } from "../support/answer-server.ts";
import { createPlainLarge, parsePieces } from "../support/plain-large.ts";

const PREDICTIONS = {
  predictions: [
    { embeddings: { values: [3, 4], statistics: { token_count: 5, truncated: false } } },
    { embeddings: { values: [1, 0], statistics: { token_count: 2, truncated: false } } },
  ],
  metadata: { billableCharacterCount: 9 },
};
const EMBEDDED = { embedding: { values: [3, 4] }, usageMetadata: { promptTokenCount: 5 }, truncated: false };

function asked(inputs: EmbeddingRequest["inputs"], more: Partial<EmbeddingRequest> = {}): EmbeddingRequest {
  return { model: "m", inputs, encodings: ["float"], form: "list", ...more };
}

function encode(upstream: EmbeddingUpstream, request: EmbeddingRequest): unknown {
  const large = createPlainLarge();
  return parsePieces(upstream.encodeRequest(request, { model: "up", warn: () => {}, large }));
}

function wayOf(model: string): EmbeddingUpstream {
  const way = vertex.embeds?.(model);
  assert.ok(way != null, model);
  return embeddingUpstreams[way];
}

for (const [model, inputs] of [
  ["text-embedding-005", ["one", "zwei"]],
  ["gemini-embedding-001", ["one"]],
  ["gemini-embedding-2-preview", ["one"]],
] as const) {
  test(`${model} is asked as @google/genai asks it`, async (t) => {
    const server = await startAnswerServer(({ path }) => ({
      body: JSON.stringify(path.includes(":predict") ? PREDICTIONS : EMBEDDED),
    }));
    t.after(server.close);
    const client = new GoogleGenAI({ vertexai: true, apiKey: "k", httpOptions: { baseUrl: server.url } });
    const config = { taskType: "RETRIEVAL_DOCUMENT", title: "T", outputDimensionality: 2 };
    await client.models.embedContent({
      model,
      contents: [...inputs],
      config: { ...config, autoTruncate: false },
    });
    const settings = { task: "document", title: "T", dimensions: 2, truncate: "none" } as const;
    assert.deepEqual(encode(wayOf(model), asked(inputs, settings)), server.requests[0]?.body);
    await client.models.embedContent({ model, contents: [...inputs] });
    assert.deepEqual(encode(wayOf(model), asked(inputs)), server.requests[1]?.body);
    const call = { operation: "embed", protocol: "gemini", model, stream: false, rest: "" } as const;
    const facts = { basePath: "", projectId: "p", location: "l" } as Parameters<typeof vertex.path>[0];
    const verb = /:\w+$/.exec(server.requests[0]?.path ?? "")?.[0] ?? "none";
    assert.equal(
      vertex.path(facts, call),
      `/v1/projects/p/locations/l/publishers/google/models/${model}${verb}`,
    );
  });
}

test("predictions are read in order, with their tokens together", () => {
  const { vectors, promptTokens } = wayOf("text-embedding-005").decodeResponse(
    PREDICTIONS,
    asked(["a", "b"]),
  );
  assert.deepEqual(vectors, [
    [3, 4],
    [1, 0],
  ]);
  assert.equal(promptTokens, 7);
  const untold = { predictions: [PREDICTIONS.predictions[0], { embeddings: { values: [1, 0] } }] };
  assert.equal(wayOf("text-embedding-005").decodeResponse(untold, asked(["a", "b"])).promptTokens, null);
});

test("one text's vector is read, and a shortened one is brought to length 1", () => {
  const upstream = wayOf("gemini-embedding-2-preview");
  const { vectors, promptTokens } = upstream.decodeResponse(EMBEDDED, asked(["a"], { dimensions: 2 }));
  assert.deepEqual(vectors, [[0.6, 0.8]]);
  assert.equal(promptTokens, 5);
});

test("an answer that lacks a vector is refused", () => {
  for (const model of ["text-embedding-005", "gemini-embedding-2-preview"]) {
    for (const doc of [{}, null, [], { predictions: [{}] }, { embedding: {} }, { predictions: 3 }]) {
      assert.throws(
        () => wayOf(model).decodeResponse(doc, asked(["a"])),
        (error) => error instanceof Failure && error.code === "bad_upstream_response",
        JSON.stringify(doc),
      );
    }
  }
});

test("token ids are refused before anything is sent", () => {
  for (const upstream of Object.values(embeddingUpstreams)) {
    assert.throws(
      () => encode(upstream, asked([[1, 2]])),
      (error) => error instanceof Failure && error.status === 400 && error.param === "input[0]",
    );
  }
});
