/** Reranking through the gateway: Cohere's callers over Cohere and over servers that rerank in Jina's shape. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { jsonAnswer } from "../support/answers.ts";
import { startGateway } from "../support/gateway.ts";
import { aliasToml, providerToml } from "../support/providers.ts";
import { startUpstream } from "../support/scripted-upstream.ts";

const RESULTS = [
  { index: 1, relevance_score: 0.9 },
  { index: 0, relevance_score: 0.1 },
];
const ASKED = { model: "m", query: "q", documents: ["a", "b"], top_n: 2 };

describe("rerank", async () => {
  const cohere = await startUpstream(
    jsonAnswer({ id: "r1", results: RESULTS, meta: { billed_units: { search_units: 1 } } }),
  );
  const jina = await startUpstream(
    jsonAnswer({ model: "jina-reranker", results: RESULTS, usage: { total_tokens: 9 } }),
  );
  const sluice = await startGateway(
    providerToml("co", "cohere", cohere.url) +
      providerToml("ji", "openai", jina.url) +
      providerToml("an", "anthropic", "http://127.0.0.1:9") +
      aliasToml("m", [["co", "rerank-v3.5"]]) +
      aliasToml("j", [["ji", "jina-reranker"]]) +
      aliasToml("chat", [["an", "claude-x"]]),
  );
  after(async () => {
    await sluice.close();
    await cohere.close();
    await jina.close();
  });

  test("is relayed to Cohere, v2 and v1, with nothing but the model changed", async () => {
    for (const version of ["v2", "v1"]) {
      const answer = await sluice.post(`/${version}/rerank`, { ...ASKED, own_member: true });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(cohere.requests.at(-1)?.path, `/${version}/rerank`);
      assert.deepEqual(cohere.requests.at(-1)?.json(), { ...ASKED, own_member: true, model: "rerank-v3.5" });
      assert.equal(answer.json().id, "r1");
    }
  });

  test("is converted for a server of Jina's shape", async () => {
    const answer = await sluice.post("/v2/rerank", { ...ASKED, model: "j" });
    assert.equal(answer.status, 200, answer.text);
    const request = jina.requests.at(-1);
    assert.equal(request?.path, "/v1/rerank");
    assert.deepEqual(request?.json(), {
      model: "jina-reranker",
      query: "q",
      documents: ["a", "b"],
      return_documents: false,
      top_n: 2,
    });
    assert.deepEqual(answer.json().results, RESULTS);
    assert.equal(answer.headers.get("x-sluice-provider"), "ji");
  });

  test("repeats the documents for v1 callers that ask, from any upstream", async () => {
    const answer = await sluice.post("/v1/rerank", { ...ASKED, model: "j", return_documents: true });
    assert.deepEqual(answer.json().results[0], { document: { text: "b" }, index: 1, relevance_score: 0.9 });
  });

  test("is not imitated by chat models, in Cohere's words", async () => {
    const answer = await sluice.post("/v2/rerank", { ...ASKED, model: "chat" });
    assert.equal(answer.status, 400);
    assert.match(answer.json().message, /no endpoint for rerank/);
  });

  test("an answer that names a document nobody sent is an error, not a result", async () => {
    jina.play(jsonAnswer({ results: [{ index: 7, relevance_score: 1 }] }));
    const answer = await sluice.post("/v2/rerank", { ...ASKED, model: "j" });
    assert.equal(answer.status, 500);
    assert.match(answer.json().message, /document 7/);
  });
});
