/** The official SDKs read the embeddings that other vendors' upstreams gave. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GoogleGenAI } from "@google/genai";
import { OpenAIEmbeddings } from "@langchain/openai";
import { CohereClient, CohereClientV2 } from "cohere-ai";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { joinAnswers, splitInputs } from "../../../src/protocols/embeddings/batch.ts";
import type { EmbeddingProtocolName } from "../../../src/protocols/embeddings/embedding.ts";
import { embeddingProtocols } from "../../../src/protocols/embeddings/registry.ts";
import { startAnswerServer } from "../support/answer-server.ts";
import { createPlainLarge, parsePieces } from "../support/plain-large.ts";

/** A gateway in one function: caller's protocol in, upstream's protocol between, vectors `[length, 0.5, …]` of 8. */
async function startGateway(from: EmbeddingProtocolName, to: EmbeddingProtocolName) {
  const caller = embeddingProtocols[from];
  const upstream = embeddingProtocols[to];
  return startAnswerServer(({ path, body }) => {
    const large = createPlainLarge();
    const verb = /[:/](\w+)$/.exec(path)?.[1] ?? "";
    const request = caller.decodeRequest(body, { model: "m", verb, large });
    const answers = splitInputs(request, upstream.batchLimit).map((batch) => {
      const wire = parsePieces(upstream.encodeRequest(batch, { model: "up", warn: () => {}, large }));
      const seen = upstream.decodeRequest(wire, {
        model: "up",
        verb: upstream.upstreamVerb ?? "embed",
        large,
      });
      const vectors = seen.inputs.map((text) => [text.length, 0.5, 0, 0, 0, 0, 0, -0.25]);
      const told = upstream.encodeResponse(
        { id: "u", model: "up", vectors, promptTokens: 2 },
        { request: seen, model: "up", id: "u", promptEstimate: 0, large },
      );
      return upstream.decodeResponse(JSON.parse(told), batch);
    });
    const answer = caller.encodeResponse(joinAnswers(answers), {
      request,
      model: "shown",
      id: "5b0e9b6a-0000-4000-8000-000000000000",
      promptEstimate: 1,
      large,
    });
    return { body: answer };
  });
}

const EXPECTED = [3, 0.5, 0, 0, 0, 0, 0, -0.25];
const UPSTREAMS: EmbeddingProtocolName[] = ["openai", "gemini", "cohere", "cohere-v1", "ollama"];

for (const to of UPSTREAMS) {
  test(`38. openai's default embeddings call gets 8 of 8 numbers from ${to}`, async (t) => {
    const gateway = await startGateway("openai", to);
    t.after(gateway.close);
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "k", maxRetries: 0 });
    const answer = await client.embeddings.create({ model: "m", input: ["abc", "abcd"] });
    assert.deepEqual(Array.from(answer.data[0]?.embedding ?? []), EXPECTED);
    assert.equal(answer.data[1]?.embedding[0], 4);
    assert.equal(answer.model, "shown");
    const floats = await client.embeddings.create({ model: "m", input: "abc", encoding_format: "float" });
    assert.deepEqual(floats.data[0]?.embedding, EXPECTED);
  });

  test(`40. genai's embedContent reads the vectors of ${to}`, async (t) => {
    const gateway = await startGateway("gemini", to);
    t.after(gateway.close);
    const client = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: gateway.url } });
    const answer = await client.models.embedContent({ model: "m", contents: ["abc", "abcd"] });
    assert.match(gateway.requests[0]?.path ?? "", /:batchEmbedContents$/);
    assert.deepEqual(
      answer.embeddings?.map((entry) => entry.values?.[0]),
      [3, 4],
    );
  });

  test(`cohere-ai reads the vectors of ${to}, v2 and v1`, async (t) => {
    const v2 = await startGateway("cohere", to);
    const v1 = await startGateway("cohere-v1", to);
    t.after(v2.close);
    t.after(v1.close);
    const client = new CohereClientV2({ token: "k", environment: v2.url });
    const byType = await client.embed({
      model: "m",
      texts: ["abc"],
      inputType: "search_query",
      embeddingTypes: ["float", "base64"],
    });
    assert.deepEqual(byType.embeddings.float?.[0], EXPECTED);
    assert.equal(Buffer.from(byType.embeddings.base64?.[0] ?? "", "base64").length, 32);
    assert.deepEqual(byType.texts, ["abc"]);
    const old = await new CohereClient({ token: "k", environment: v1.url }).embed({
      model: "m",
      texts: ["abc"],
    });
    assert.equal(old.responseType, "embeddings_floats");
    assert.deepEqual(old.responseType === "embeddings_floats" ? old.embeddings[0] : [], EXPECTED);
  });

  test(`the ollama package reads the vectors of ${to}`, async (t) => {
    const gateway = await startGateway("ollama", to);
    t.after(gateway.close);
    const client = new Ollama({ host: gateway.url });
    const answer = await client.embed({ model: "m", input: ["abc", "abcd"] });
    assert.deepEqual(answer.embeddings[0], EXPECTED);
    const old = await client.embeddings({ model: "m", prompt: "abc" });
    assert.deepEqual(old.embedding, EXPECTED);
  });
}

test("38. LangChain's embeddings, which ask for base64 too, come whole from Cohere", async (t) => {
  const gateway = await startGateway("openai", "cohere");
  t.after(gateway.close);
  const client = new OpenAIEmbeddings({
    model: "m",
    apiKey: "k",
    maxRetries: 0,
    configuration: { baseURL: `${gateway.url}/v1` },
  });
  assert.deepEqual(await client.embedDocuments(["abc", "abcd"]), [EXPECTED, [4, ...EXPECTED.slice(1)]]);
});
