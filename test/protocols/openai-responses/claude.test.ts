/** Responses and Ollama callers of Claude, and Anthropic callers of OpenAI's Responses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/base/failure.ts";
import { anthropic } from "../../../src/protocols/anthropic/anthropic.ts";
import { ollama } from "../../../src/protocols/ollama/ollama.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/openai-responses.ts";
import { prefixHash } from "../../../src/protocols/prefix-hash.ts";
import { Conversion, sseData } from "../support/conversion.ts";
import { createPlainLarge } from "../support/plain-large.ts";
import { checkGrammar, finalResponse } from "./support.ts";

const CLAUDE = "claude-opus-4-8";
const tool = (name: string) => ({ type: "function", name, parameters: { type: "object", properties: {} } });
const FIRST = { model: "m", input: [{ role: "user", content: "hi" }], tools: [tool("f")], stream: true };

const CLAUDE_STREAM = [
  {
    type: "message_start",
    message: { id: "msg_1", model: CLAUDE, usage: { input_tokens: 3, output_tokens: 1 } },
  },
  { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "let me see" } },
  { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "SIG+/=" } },
  { type: "content_block_stop", index: 0 },
  {
    type: "content_block_start",
    index: 1,
    content_block: { type: "tool_use", id: "toolu_1", name: "f", input: {} },
  },
  { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json: '{"a":1}' } },
  { type: "content_block_stop", index: 1 },
  { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 9 } },
  { type: "message_stop" },
];

function firstTurn() {
  const run = new Conversion(openaiResponses, anthropic, { model: CLAUDE });
  run.requestText(FIRST);
  if (run.request === null) throw new Error("no request");
  const origin = {
    vendor: "anthropic",
    model: CLAUDE,
    prefix: prefixHash(run.request, createPlainLarge()),
  } as const;
  Object.assign(run.options, { answer: { origin } });
  return finalResponse(run.streamText(CLAUDE_STREAM)).output;
}

test("82. a second turn with the same tools gives Claude its thinking back byte for byte; with one more tool it goes", () => {
  const output = firstTurn();
  const input = [
    ...FIRST.input,
    ...output,
    { type: "function_call_output", call_id: "toolu_1", output: "ok" },
  ];
  const again = new Conversion(openaiResponses, anthropic, { model: CLAUDE });
  const sent = again.requestBody({ ...FIRST, input, reasoning: { effort: "low" } });
  assert.deepEqual(sent.messages[1].content, [
    { type: "thinking", thinking: "let me see", signature: "SIG+/=" },
    { type: "tool_use", id: "toolu_1", name: "f", input: { a: 1 } },
  ]);
  const more = new Conversion(openaiResponses, anthropic, { model: CLAUDE });
  const changed = more.requestBody({ ...FIRST, input, tools: [tool("f"), tool("g")] });
  assert.deepEqual(
    changed.messages[1].content.map((block: { type: string }) => block.type),
    ["tool_use"],
  );
});

test("21. a caller that continues a stored response is told which member Claude cannot honour", () => {
  assert.throws(
    () =>
      new Conversion(openaiResponses, anthropic).requestBody({ ...FIRST, previous_response_id: "resp_1" }),
    (error) => error instanceof Failure && error.status === 400 && error.param === "previous_response_id",
  );
});

const MESSAGES = {
  model: "m",
  max_tokens: 100,
  system: [{ type: "text", text: "sys" }],
  messages: [{ role: "user", content: "hi" }],
  tools: [{ name: "f", description: "d", input_schema: { type: "object", properties: {} } }],
  thinking: { type: "adaptive" },
  metadata: { user_id: "x".repeat(180) },
};

test("86. tools for gpt-5.6 from an Anthropic caller are asked through Responses, nothing stored", () => {
  const sent = new Conversion(anthropic, openaiResponses, {
    model: "gpt-5.6",
    dialect: "openai",
  }).requestBody(MESSAGES);
  assert.equal(sent.store, false);
  assert.deepEqual(sent.include, ["reasoning.encrypted_content"]);
  assert.equal(sent.tools[0].name, "f");
  assert.equal(sent.instructions, "sys");
  assert.match(sent.safety_identifier, /^[0-9a-f]{64}$/, "34. long user ids are hashed");
});

test("48. arguments that come on `done` only are one input_json_delta for an Anthropic caller", () => {
  const run = new Conversion(anthropic, openaiResponses, { model: "gpt-5.6", dialect: "openai" });
  run.requestText({ ...MESSAGES, stream: true });
  const item = { type: "function_call", id: "fc_1", call_id: "call_1", name: "f", arguments: "" };
  const events = sseData(
    run.streamText([
      { type: "response.created", response: { id: "resp_1", model: "gpt-5.6", created_at: 5 } },
      { type: "response.output_item.added", output_index: 0, item },
      { type: "response.output_item.done", output_index: 0, item: { ...item, arguments: '{"a":1}' } },
      { type: "response.completed", response: { usage: { input_tokens: 2, output_tokens: 3 } } },
    ]),
  );
  const deltas = events.flatMap((event) =>
    event.delta?.type === "input_json_delta" ? [event.delta.partial_json] : [],
  );
  assert.deepEqual(
    deltas.filter((text) => text !== ""),
    ['{"a":1}'],
  );
  assert.equal(events.find((event) => event.type === "message_delta").delta.stop_reason, "tool_use");
});

test("OpenAI's reasoning goes through an Anthropic caller and back with id and encrypted content", () => {
  const run = new Conversion(anthropic, openaiResponses, { model: "gpt-5.6", dialect: "openai" });
  run.requestText({ ...MESSAGES, stream: false });
  const answer = run.answerBody({
    id: "resp_1",
    model: "gpt-5.6",
    status: "completed",
    output: [
      {
        type: "reasoning",
        id: "rs_7",
        summary: [{ type: "summary_text", text: "t" }],
        encrypted_content: "ENC",
      },
      { type: "function_call", id: "fc_1", call_id: "call_1", name: "f", arguments: "{}" },
    ],
    usage: { input_tokens: 2, output_tokens: 3 },
  });
  const messages = [
    ...MESSAGES.messages,
    { role: "assistant", content: answer.content },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "call_1", content: "ok" }] },
  ];
  const sent = new Conversion(anthropic, openaiResponses, {
    model: "gpt-5.6",
    dialect: "openai",
  }).requestBody({
    ...MESSAGES,
    messages,
  });
  assert.deepEqual(sent.input[1], {
    type: "reasoning",
    id: "rs_7",
    summary: [{ type: "summary_text", text: "t" }],
    encrypted_content: "ENC",
  });
  assert.equal(sent.input[2].type, "function_call");
});

test("an Ollama caller of Claude gets thinking, text and the call", () => {
  const run = new Conversion(ollama, anthropic, { model: CLAUDE });
  run.requestText({ model: "m", messages: [{ role: "user", content: "hi" }], think: true });
  const lines = run
    .streamText(CLAUDE_STREAM)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.equal(lines[0].message.thinking, "let me see");
  assert.deepEqual(lines[1].message.tool_calls, [{ function: { name: "f", arguments: { a: 1 } } }]);
  assert.deepEqual([lines[2].done, lines[2].done_reason, lines[2].eval_count], [true, "stop", 9]);
});

test("54. a refusal of Claude is told to a Responses caller", () => {
  const run = new Conversion(openaiResponses, anthropic, { model: CLAUDE });
  run.requestText(FIRST);
  const events = checkGrammar(
    run.streamText([
      CLAUDE_STREAM[0],
      { type: "message_delta", delta: { stop_reason: "refusal" }, usage: { output_tokens: 0 } },
      { type: "message_stop" },
    ]),
  );
  const last = events[events.length - 1];
  assert.ok(last?.type === "response.incomplete" || last?.type === "response.completed", last?.type);
});
