/** Embeddings through the gateway, over real sockets: relayed in their own dialect, converted and cut into batches for others. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { jsonAnswer } from "../support/answers.ts";
import { failoverConfig, startGateway } from "../support/gateway.ts";
import { openaiError } from "../support/openai-answers.ts";
import { type ReceivedRequest, startUpstream } from "../support/scripted-upstream.ts";

interface Asked {
  readonly model?: string;
  readonly input?: string | readonly string[];
  readonly texts?: readonly string[];
  readonly requests?: readonly {
    readonly content: { readonly parts: readonly { readonly text: string }[] };
  }[];
}

/** A vector by which a text can be told. */
const vectorOf = (text: string) => [text.length, Number(/\d+/.exec(text)?.[0] ?? 0), 0.5];

function openaiEmbeddings(request: ReceivedRequest) {
  const asked = request.json() as Asked;
  const inputs = typeof asked.input === "string" ? [asked.input] : (asked.input ?? []);
  const data = inputs.map((text, index) => ({ object: "embedding", index, embedding: vectorOf(text) }));
  const usage = { prompt_tokens: inputs.length, total_tokens: inputs.length };
  return jsonAnswer({ object: "list", data, model: asked.model, usage });
}

function cohereEmbeddings(request: ReceivedRequest) {
  const { texts = [] } = request.json() as Asked;
  return jsonAnswer({
    id: "e1",
    embeddings: { float: texts.map(vectorOf) },
    texts,
    meta: { billed_units: { input_tokens: texts.length } },
  });
}

function geminiEmbeddings(request: ReceivedRequest) {
  const { requests = [] } = request.json() as Asked;
  return jsonAnswer({
    embeddings: requests.map((entry) => ({ values: vectorOf(entry.content.parts[0]?.text ?? "") })),
  });
}

const COHERE = (url: string) =>
  `[provider.co]\nprotocol = "cohere"\nbase_url = "${url}"\napi_key = "co-secret"\n[model]\nm = [{ provider = "co", model = "embed-v4" }]\n`;
const GEMINI = (url: string) =>
  `[provider.g]\nprotocol = "gemini"\nbase_url = "${url}"\napi_key = "g-secret"\n[model]\nm = [{ provider = "g", model = "gemini-embedding-001" }]\n`;

describe("embeddings of an OpenAI upstream", async () => {
  const upstream = await startUpstream(openaiEmbeddings);
  const sluice = await startGateway(failoverConfig([upstream.url]));
  after(async () => {
    await sluice.close();
    await upstream.close();
  });

  test("are relayed with nothing but the model's name changed", async () => {
    const body = '{"input": ["a1"],\n "model":"m", "x_unknown": 1.50}';
    const answer = await sluice.post("/v1/embeddings", body);
    assert.equal(answer.status, 200, answer.text);
    const request = upstream.requests.at(-1);
    assert.equal(request?.path, "/v1/embeddings");
    assert.equal(request?.body.toString(), body.replace('"m"', '"model-a"'));
    assert.deepEqual(answer.json().data[0].embedding, vectorOf("a1"));
  });

  test("come in Gemini's shape to its callers, one and many", async () => {
    const content = (text: string) => ({ content: { parts: [{ text }] } });
    const one = await sluice.post("/v1beta/models/m:embedContent", content("ab7"));
    assert.deepEqual(one.json(), { embedding: { values: vectorOf("ab7") } });
    assert.deepEqual(upstream.requests.at(-1)?.json(), {
      model: "model-a",
      input: ["ab7"],
      encoding_format: "float",
    });
    const many = await sluice.post("/v1beta/models/m:batchEmbedContents", {
      requests: [content("a"), content("bb")],
    });
    assert.deepEqual(
      many.json().embeddings.map((entry: { values: number[] }) => entry.values[0]),
      [1, 2],
    );
  });

  test("come in Cohere's and Ollama's shapes to their callers", async () => {
    const cohere = await sluice.post("/v2/embed", {
      model: "m",
      texts: ["abc"],
      input_type: "search_query",
      embedding_types: ["float"],
    });
    assert.deepEqual(cohere.json().embeddings.float, [vectorOf("abc")]);
    const old = await sluice.post("/v1/embed", { model: "m", texts: ["abc"] });
    assert.deepEqual(old.json().embeddings, [vectorOf("abc")]);
    const ollama = await sluice.post("/api/embed", { model: "m:latest", input: ["abc"] });
    assert.deepEqual(ollama.json().embeddings, [vectorOf("abc")]);
    const single = await sluice.post("/api/embeddings", { model: "m", prompt: "abcd" });
    assert.deepEqual(single.json(), { embedding: vectorOf("abcd") });
  });

  test("without input only load the model for Ollama's callers, and nobody is asked", async () => {
    upstream.forget();
    const answer = await sluice.post("/api/embed", { model: "m", input: "" });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json().embeddings, []);
    assert.equal(upstream.requests.length, 0);
  });

  test("on Azure's path go to the deployment's alias, whatever the body says", async () => {
    const answer = await sluice.post("/openai/deployments/m/embeddings?api-version=2024-10-21", {
      model: "something else",
      input: "ab",
    });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(upstream.requests.at(-1)?.json(), { model: "model-a", input: "ab" });
  });
});

describe("embeddings of a Cohere upstream", async () => {
  const upstream = await startUpstream(cohereEmbeddings);
  const sluice = await startGateway(COHERE(upstream.url));
  after(async () => {
    await sluice.close();
    await upstream.close();
  });

  test("39. of 250 texts are asked in three requests, and come back in order", async () => {
    upstream.forget();
    const input = Array.from({ length: 250 }, (_, index) => `text ${index}`);
    const answer = await sluice.post("/v1/embeddings", { model: "m", input, encoding_format: "float" });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(
      upstream.requests.map((request) => (request.json() as Asked).texts?.length),
      [96, 96, 58],
    );
    assert.equal(upstream.requests[0]?.header("authorization"), "Bearer co-secret");
    const { data, usage } = answer.json();
    assert.deepEqual(
      data.map((entry: { index: number; embedding: number[] }) => [entry.index, entry.embedding[1]]),
      input.map((_, index) => [index, index]),
    );
    assert.equal(usage.prompt_tokens, 250);
    assert.equal(answer.headers.get("x-sluice-attempts"), "1");
  });

  test("are base64 of every float when that is asked for", async () => {
    const answer = await sluice.post("/v1/embeddings", {
      model: "m",
      input: "abc",
      encoding_format: "base64",
    });
    const bytes = Buffer.from(answer.json().data[0].embedding, "base64");
    assert.deepEqual(
      [0, 1, 2].map((i) => bytes.readFloatLE(i * 4)),
      vectorOf("abc"),
    );
  });

  test("refuse token ids by naming the member", async () => {
    const answer = await sluice.post("/v1/embeddings", { model: "m", input: [[1, 2, 3]] });
    assert.equal(answer.status, 400);
    assert.match(answer.json().error.param, /input/);
  });

  test("are relayed to Cohere's callers with their own members", async () => {
    const body = { model: "m", texts: ["a"], input_type: "clustering", embedding_types: ["float", "int8"] };
    await sluice.post("/v2/embed", body);
    assert.equal(upstream.requests.at(-1)?.path, "/v2/embed");
    assert.deepEqual(upstream.requests.at(-1)?.json(), { ...body, model: "embed-v4" });
  });
});

describe("a batch that fails in the middle", async () => {
  let asked = 0;
  const first = await startUpstream((request) =>
    ++asked === 2 ? openaiError(400, { message: "boom" }) : cohereEmbeddings(request),
  );
  const second = await startUpstream(cohereEmbeddings);
  const sluice = await startGateway(
    `[retry]\nbackoff_base = "1ms"\n[provider.x]\nprotocol = "cohere"\nbase_url = "${first.url}"\napi_key = "k"\n` +
      `[provider.y]\nprotocol = "cohere"\nbase_url = "${second.url}"\napi_key = "k"\n` +
      '[model.m]\nstrategy = "failover"\ntargets = [{ provider = "x", model = "a" }, { provider = "y", model = "b" }]\n',
  );
  after(async () => {
    await sluice.close();
    await first.close();
    await second.close();
  });
  const input = Array.from({ length: 100 }, (_, index) => `text ${index}`);

  test("is an error of the whole request when it is the request's own fault", async () => {
    const answer = await sluice.post("/v1/embeddings", { model: "m", input, encoding_format: "float" });
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.json().error.message, /boom/);
  });

  test("is asked anew of the next target when the target failed: vectors of two models are never mixed", async () => {
    first.play((request) => {
      const { texts = [] } = request.json() as Asked;
      return texts.length < 96 ? openaiError(500) : cohereEmbeddings(request);
    });
    const answer = await sluice.post("/v1/embeddings", { model: "m", input, encoding_format: "float" });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(
      second.requests.map((request) => (request.json() as Asked).texts?.length),
      [96, 4],
    );
    assert.equal(answer.headers.get("x-sluice-provider"), "y");
    assert.equal(answer.json().data.length, 100);
  });
});

describe("embeddings of a Gemini upstream", async () => {
  const upstream = await startUpstream(geminiEmbeddings);
  const sluice = await startGateway(GEMINI(upstream.url));
  after(async () => {
    await sluice.close();
    await upstream.close();
  });

  test("are asked in batches", async () => {
    const answer = await sluice.post("/v1/embeddings", { model: "m", input: ["a", "bb"], dimensions: 3 });
    assert.equal(answer.status, 200, answer.text);
    const request = upstream.requests.at(-1);
    assert.equal(request?.path, "/v1beta/models/gemini-embedding-001:batchEmbedContents");
    assert.equal(request?.header("x-goog-api-key"), "g-secret");
    assert.equal(answer.json().data.length, 2);
  });

  test("40. keep their verb and every member for Gemini's callers; the model is named in each request", async () => {
    const entry = { model: "models/m", content: { parts: [{ text: "a" }] }, custom: 1 };
    const answer = await sluice.post("/v1/models/m:batchEmbedContents", { requests: [entry, entry] });
    assert.equal(answer.status, 200, answer.text);
    const renamed = { ...entry, model: "models/gemini-embedding-001" };
    assert.deepEqual(upstream.requests.at(-1)?.json(), { requests: [renamed, renamed] });
    upstream.play(jsonAnswer({ embedding: { values: [1] } }));
    await sluice.post("/v1beta/models/m:embedContent", { content: { parts: [{ text: "a" }] } });
    assert.equal(upstream.requests.at(-1)?.path, "/v1beta/models/gemini-embedding-001:embedContent");
  });
});

test("an upstream without embeddings is a 400 that says so", async () => {
  const sluice = await startGateway(
    '[provider.c]\nprotocol = "anthropic"\nbase_url = "http://127.0.0.1:9"\napi_key = "k"\n[model]\nm = [{ provider = "c", model = "claude-x" }]\n',
  );
  const answer = await sluice.post("/v1/embeddings", { model: "m", input: "a" });
  assert.equal(answer.status, 400);
  assert.match(answer.json().error.message, /no endpoint for embeddings/);
  await sluice.close();
});

test("the demo provider embeds too, for every caller", async () => {
  const sluice = await startGateway(
    '[provider.demo]\ndemo = {}\n[model]\nm = [{ provider = "demo", model = "demo" }]\n',
  );
  const openai = await sluice.post("/v1/embeddings", {
    model: "m",
    input: "a cat",
    encoding_format: "float",
  });
  const ollama = await sluice.post("/api/embed", { model: "m", input: "a cat" });
  assert.equal(openai.status, 200, openai.text);
  assert.deepEqual(ollama.json().embeddings[0], openai.json().data[0].embedding);
  await sluice.close();
});
