/** Whole answers for Responses callers, as the official SDKs read them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, tool } from "ai";
import OpenAI from "openai";
import { Failure } from "../../../src/base/failure.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/openai-responses.ts";
import { startAnswerServer } from "../support/answer-server.ts";
import { Conversion } from "../support/conversion.ts";

const ANSWER = {
  id: "chatcmpl-1",
  model: "up",
  created: 9,
  choices: [
    {
      index: 0,
      finish_reason: "tool_calls",
      message: {
        role: "assistant",
        reasoning_content: "hm",
        content: "Hello",
        tool_calls: [
          { id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"Graz"}' } },
        ],
      },
    },
  ],
  usage: {
    prompt_tokens: 11,
    completion_tokens: 5,
    total_tokens: 16,
    prompt_tokens_details: { cached_tokens: 8 },
  },
};

function startGateway(answer: unknown = ANSWER) {
  return startAnswerServer(({ body }) => {
    const run = new Conversion(openaiResponses, openaiChat, { dialect: "groq" });
    run.requestText(body);
    return { body: JSON.stringify(run.answerBody(answer)) };
  });
}

test("openai's responses.create reads text, calls, usage and the echoed members", async (t) => {
  const server = await startGateway();
  t.after(server.close);
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", maxRetries: 0 });
  const parameters = {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  };
  const response = await client.responses.create({
    model: "fast",
    instructions: "be kind",
    input: "hi",
    temperature: 0.5,
    metadata: { a: "b" },
    tools: [{ type: "function", name: "weather", parameters, strict: true }],
  });
  assert.equal(response.output_text, "Hello");
  const [reasoning, message, call] = response.output;
  assert.equal(reasoning?.type === "reasoning" && reasoning.summary[0]?.text, "hm");
  assert.equal(message?.type, "message");
  assert.deepEqual(call?.type === "function_call" && [call.name, call.call_id, call.arguments], [
    "weather",
    "c1",
    '{"city":"Graz"}',
  ]);
  assert.equal(response.usage?.input_tokens_details.cached_tokens, 8);
  assert.match(response.id, /^resp_[0-9a-f]{24}$/);
  assert.deepEqual(
    [response.instructions, response.temperature, response.metadata, response.status],
    ["be kind", 0.5, { a: "b" }, "completed"],
  );
  assert.deepEqual(response.tools, [{ type: "function", name: "weather", parameters, strict: true }]);
});

test("ai-sdk's generateText reads the same answer", async (t) => {
  const server = await startGateway();
  t.after(server.close);
  const openai = createOpenAI({ baseURL: `${server.url}/v1`, apiKey: "k" });
  const result = await generateText({
    model: openai("fast"),
    prompt: "hi",
    maxRetries: 0,
    tools: { weather: tool({ inputSchema: jsonSchema<{ city: string }>({ type: "object" }) }) },
  });
  assert.equal(result.text, "Hello");
  assert.equal(result.reasoningText, "hm");
  assert.deepEqual(result.toolCalls[0]?.input, { city: "Graz" });
  assert.equal(result.usage.inputTokens, 11);
});

test("an answer cut by the limit is incomplete, a failed one an error", () => {
  const run = new Conversion(openaiResponses, openaiChat);
  run.requestText({ model: "m", input: "hi" });
  const cut = run.answerBody({
    choices: [{ index: 0, finish_reason: "length", message: { content: "so" } }],
  });
  assert.deepEqual([cut.status, cut.incomplete_details], ["incomplete", { reason: "max_output_tokens" }]);
  const back = new Conversion(openaiChat, openaiResponses);
  for (const doc of [
    { status: "failed", error: { code: "server_error", message: "no" }, output: [] },
    { id: "x" },
    '"text"',
    null,
  ]) {
    assert.throws(
      () => back.decodeAnswer(doc),
      (error) => error instanceof Failure && error.status === 502,
    );
  }
});

test("errors are in OpenAI's shape", () => {
  const failure = new Failure("bad_request", "no such thing", { code: "invalid_value", param: "input[0]" });
  const answer = openaiResponses.encodeError(failure, "id");
  assert.equal(answer.status, 400);
  assert.deepEqual(JSON.parse(answer.body).error, {
    message: "no such thing",
    type: "invalid_request_error",
    param: "input[0]",
    code: "invalid_value",
  });
  assert.equal(openaiResponses.decodeError(400, answer.body).param, "input[0]");
});
