/** Rerank requests and answers between Cohere v1, v2 and the Jina shape, and cohere-ai reading them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CohereClient, CohereClientV2 } from "cohere-ai";
import { Failure } from "../../../src/base/failure.ts";
import { rerankProtocols } from "../../../src/protocols/rerank/registry.ts";
import type { RerankProtocolName } from "../../../src/protocols/rerank/rerank.ts";
import { startAnswerServer } from "../support/answer-server.ts";
import { createPlainLarge, parsePieces } from "../support/plain-large.ts";

const NAMES = Object.keys(rerankProtocols) as RerankProtocolName[];

function pass(from: RerankProtocolName, to: RerankProtocolName, body: unknown) {
  const large = createPlainLarge();
  const request = rerankProtocols[from].decodeRequest(body, { large });
  const upstream = rerankProtocols[to];
  const wire = parsePieces(upstream.encodeRequest(request, { model: "up", large })) as {
    documents: string[];
    top_n?: number;
    model: string;
  };
  assert.equal(wire.model, "up");
  assert.ok(wire.documents.every((document) => typeof document === "string"));
  const results = [
    { index: 1, score: 0.9 },
    { index: 0, score: 0.25 },
  ].slice(0, wire.top_n);
  const told = upstream.encodeResponse(
    { id: "u1", model: "up", results, tokens: 12, searchUnits: 1 },
    { request: upstream.decodeRequest(wire, { large }), model: "up", id: "x", large },
  );
  const answer = upstream.decodeResponse(JSON.parse(told), request);
  return rerankProtocols[from].encodeResponse(answer, { request, model: "shown", id: "fresh", large });
}

for (const from of NAMES) {
  for (const to of NAMES) {
    test(`documents asked in ${from}'s way are ranked by a ${to} upstream`, () => {
      const shown = JSON.parse(
        pass(from, to, {
          model: "m",
          query: "q",
          documents: ["first", { text: "second", tag: 7 }],
          return_documents: true,
        }),
      ) as { results: unknown[] };
      assert.deepEqual(shown.results, [
        { index: 1, relevance_score: 0.9, document: { text: "second", tag: 7 } },
        { index: 0, relevance_score: 0.25, document: { text: "first" } },
      ]);
    });
  }
}

test("cohere-ai reads the results of a Jina upstream, v2 and v1", async (t) => {
  const server = await startAnswerServer(({ path, body }) => ({
    body: pass(path.startsWith("/v1") ? "cohere-v1" : "cohere", "jina", body),
  }));
  t.after(server.close);
  const v2 = new CohereClientV2({ token: "k", environment: server.url });
  const answer = await v2.rerank({ model: "m", query: "q", documents: ["a", "b"], topN: 1 });
  assert.equal(answer.id, "u1");
  assert.deepEqual(answer.results, [{ index: 1, relevanceScore: 0.9 }]);
  assert.equal(answer.meta?.billedUnits?.searchUnits, 1);
  const v1 = new CohereClient({ token: "k", environment: server.url });
  const old = await v1.rerank({ query: "q", documents: ["a", { text: "b" }], returnDocuments: true });
  assert.equal(old.results[0]?.document?.text, "b");
});

test("fields named by rank_fields are joined for servers that take plain texts", () => {
  const large = createPlainLarge();
  const request = rerankProtocols["cohere-v1"].decodeRequest(
    { query: "q", documents: [{ title: "T", body: "B", skip: "S" }], rank_fields: ["title", "body"] },
    { large },
  );
  assert.deepEqual(request.documents, ["T\nB"]);
});

test("a bad request is a 400 that names the member, a bad answer a 502", () => {
  const large = createPlainLarge();
  for (const [body, param] of [
    [{ query: "q", documents: [] }, "documents"],
    [{ documents: ["a"] }, "query"],
    [{ query: "q", documents: [5] }, "documents[0]"],
    [{ query: "q", documents: [{}] }, "documents[0].text"],
  ] as const) {
    assert.throws(
      () => rerankProtocols.cohere.decodeRequest(body, { large }),
      (error) => error instanceof Failure && error.status === 400 && error.param === param,
    );
  }
  const request = rerankProtocols.cohere.decodeRequest({ query: "q", documents: ["a"] }, { large });
  for (const doc of [null, {}, { results: [{}] }, { results: [{ index: 3, relevance_score: 1 }] }]) {
    assert.throws(
      () => rerankProtocols.jina.decodeResponse(doc, request),
      (error) => error instanceof Failure && error.status === 502,
    );
  }
});
