/** Token counting bodies, made of chat bodies, and their answers as the SDKs read them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { Failure } from "../../../src/base/failure.ts";
import { countProtocols } from "../../../src/protocols/count/registry.ts";
import { gemini as geminiChat } from "../../../src/protocols/gemini/gemini.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/openai-responses.ts";
import { startAnswerServer } from "../support/answer-server.ts";
import { Conversion } from "../support/conversion.ts";
import { parsePieces } from "../support/plain-large.ts";

const { anthropic, gemini } = countProtocols;
const responses = countProtocols["openai-responses"];

function written(text: string, cuts: number[] = []): Uint8Array[] {
  const bytes = Buffer.from(text);
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    pieces.push(bytes.subarray(from, cut));
    from = cut;
  }
  return pieces;
}

test("a counting body holds what is counted and nothing that the endpoint refuses", () => {
  const chat =
    '{"model":"claude","max_tokens":5,"stream":true,"messages":[{"role":"user","content":"hé"}],"top_p":1}';
  assert.deepEqual(parsePieces(anthropic.fromChatBody(written(chat, [30, 70]), "claude")), {
    model: "claude",
    messages: [{ role: "user", content: "hé" }],
  });
  const body = '{"model":"gpt","input":"x","store":false,"stream":true,"include":[],"tools":[]}';
  assert.deepEqual(parsePieces(responses.fromChatBody(written(body), "gpt")), {
    model: "gpt",
    input: "x",
    tools: [],
  });
  const contents = '{"contents":[{"parts":[{"text":"x"}]}],"systemInstruction":{"parts":[{"text":"s"}]}}';
  assert.deepEqual(parsePieces(gemini.fromChatBody(written(contents, [5]), "gemini-x")), {
    generateContentRequest: { model: "models/gemini-x", ...(JSON.parse(contents) as object) },
  });
  assert.deepEqual(parsePieces(gemini.fromChatBody(written("{ }"), "g")), {
    generateContentRequest: { model: "models/g" },
  });
});

test("a caller's counting body reads as a chat request", () => {
  assert.deepEqual(anthropic.toChatRequest({ model: "m", messages: [] }), {
    max_tokens: 1,
    model: "m",
    messages: [],
  });
  const inner = { model: "models/m", contents: [] };
  assert.deepEqual(gemini.toChatRequest({ generateContentRequest: inner }), inner);
  assert.deepEqual(gemini.toChatRequest({ generate_content_request: inner }), inner);
  assert.deepEqual(gemini.toChatRequest({ contents: [] }), { contents: [] });
  assert.throws(() => responses.toChatRequest("x"), Failure);
  assert.throws(() => gemini.toChatRequest({ generateContentRequest: 5 }), Failure);
});

test("counts pass from every protocol to every other", () => {
  for (const from of Object.values(countProtocols)) {
    for (const to of Object.values(countProtocols)) {
      assert.equal(
        to.decodeCount(JSON.parse(to.encodeCount(from.decodeCount(JSON.parse(from.encodeCount(42))) ?? 0))),
        42,
      );
    }
    assert.equal(from.decodeCount({ error: {} }), null);
    assert.equal(from.decodeCount("x"), null);
  }
});

test("the SDKs read the count", async (t) => {
  const server = await startAnswerServer(({ path }) => {
    const protocol = path.includes("count_tokens")
      ? anthropic
      : path.includes("countTokens")
        ? gemini
        : responses;
    return { body: protocol.encodeCount(17), headers: { "x-sluice-estimate": "1" } };
  });
  t.after(server.close);
  const claude = new Anthropic({ baseURL: server.url, apiKey: "k" });
  const counted = await claude.messages.countTokens({
    model: "m",
    messages: [{ role: "user", content: "hi" }],
  });
  assert.equal(counted.input_tokens, 17);
  const genai = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: server.url } });
  assert.equal((await genai.models.countTokens({ model: "m", contents: "hi" })).totalTokens, 17);
  const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k" });
  assert.equal((await openai.responses.inputTokens.count({ model: "m", input: "hi" })).input_tokens, 17);
});

test("a Responses caller's count is asked of Gemini, and a Gemini caller's of OpenAI", () => {
  const google = new Conversion(openaiResponses, geminiChat, { model: "gemini-x" });
  const body = { model: "m", instructions: "sys", input: "hi", tools: [{ type: "function", name: "f" }] };
  const { request, large } = google.decodeRequest(responses.toChatRequest(body));
  const encoded = geminiChat.encodeRequest(request, google.convertContext(large));
  const sent = parsePieces(gemini.fromChatBody(encoded.body, "gemini-x")) as {
    generateContentRequest: {
      model: string;
      contents: unknown[];
      systemInstruction: object;
      tools: unknown[];
    };
  };
  assert.equal(sent.generateContentRequest.model, "models/gemini-x");
  assert.equal(sent.generateContentRequest.contents.length, 1);
  assert.ok(sent.generateContentRequest.systemInstruction);
  assert.equal(sent.generateContentRequest.tools.length, 1);

  const openai = new Conversion(geminiChat, openaiResponses, { model: "gpt-x" });
  const asked = openai.decodeRequest(gemini.toChatRequest({ contents: [{ parts: [{ text: "hi" }] }] }));
  const chat = openaiResponses.encodeRequest(asked.request, openai.convertContext(asked.large));
  assert.deepEqual(Object.keys(parsePieces(responses.fromChatBody(chat.body, "gpt-x")) as object), [
    "model",
    "input",
  ]);
});
