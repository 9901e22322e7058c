/** Two turns of a Responses caller: what one vendor signed goes back to it, and to nobody else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { applyEdits } from "../../../src/base/json-edit.ts";
import { anthropic } from "../../../src/protocols/anthropic/anthropic.ts";
import { cohere } from "../../../src/protocols/cohere/cohere.ts";
import { gemini } from "../../../src/protocols/gemini/gemini.ts";
import { ollama } from "../../../src/protocols/ollama/ollama.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/openai-responses.ts";
import type { ChatProtocol } from "../../../src/protocols/protocol.ts";
import { CARRIER_MARK } from "../../../src/protocols/signature-carrier.ts";
import { Conversion } from "../support/conversion.ts";
import { createPlainLarge } from "../support/plain-large.ts";
import { finalResponse } from "./support.ts";

const TOOLS = [{ type: "function", name: "f", parameters: { type: "object", properties: {} } }];
const FIRST = { model: "m", input: [{ role: "user", content: "hi" }], tools: TOOLS, store: false };
const GEMINI = { model: "gemini-3-pro-preview" };

const GEMINI_STREAM = [
  { responseId: "r", candidates: [{ content: { parts: [{ text: "hmm", thought: true }] } }] },
  {
    candidates: [
      {
        content: {
          parts: [
            { text: "Let me look." },
            { functionCall: { name: "f", args: { a: 1 } }, thoughtSignature: "U0lHTkVE" },
          ],
        },
        finishReason: "STOP",
      },
    ],
    usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 4, thoughtsTokenCount: 5 },
  },
];

/** The second turn as Codex sends it: every item of the answer, then the tool's output. */
function secondTurn(): { input: unknown[]; tools: unknown } {
  const run = new Conversion(openaiResponses, gemini, GEMINI);
  run.requestText({ ...FIRST, stream: true });
  const { output } = finalResponse(run.streamText(GEMINI_STREAM));
  assert.deepEqual(
    output.map((item) => item.type),
    ["reasoning", "message", "reasoning", "function_call"],
  );
  const call = output.find((item) => item.type === "function_call");
  const result = {
    type: "function_call_output",
    call_id: call?.type === "function_call" ? call.call_id : "",
    output: "ok",
  };
  return { ...FIRST, input: [...FIRST.input, ...output, result] };
}

test("a Gemini signature comes back to Gemini on the call it was made for", () => {
  const sent = new Conversion(openaiResponses, gemini, GEMINI).requestBody(secondTurn());
  const call = sent.contents[1].parts.find(
    (part: { functionCall?: object }) => part.functionCall !== undefined,
  );
  assert.equal(call.thoughtSignature, "U0lHTkVE");
  assert.equal(JSON.stringify(sent).includes(CARRIER_MARK), false);
});

test("15. no other vendor ever sees a carrier, and the conversation stays whole", () => {
  const targets: ChatProtocol[] = [openaiChat, openaiResponses, anthropic, cohere, ollama];
  for (const to of targets) {
    const text = new Conversion(openaiResponses, to, { model: "x" }).requestText(secondTurn());
    assert.equal(text.includes(CARRIER_MARK), false, to.name);
    assert.equal(text.includes("U0lHTkVE"), false, to.name);
    assert.ok(text.includes("Let me look."), to.name);
  }
});

test("92. the same turn relayed to OpenAI itself loses our reasoning items and nothing else", () => {
  const body = Buffer.from(JSON.stringify(secondTurn()));
  const context = new Conversion(openaiResponses, openaiResponses, { model: "m" }).convertContext(
    createPlainLarge(),
  );
  const sent = JSON.parse(
    Buffer.concat(applyEdits(body, openaiResponses.passThroughEdits(body, context))).toString(),
  );
  assert.deepEqual(
    sent.input.map((item: { type?: string }) => item.type ?? "message"),
    ["message", "message", "function_call", "function_call_output"],
  );
  assert.equal(sent.input[1].id, undefined);
  assert.equal(sent.input[2].id, undefined);
});

test("thinking of a Chat upstream comes back as reasoning_content where it is asked for, and nowhere else", () => {
  const answer = {
    choices: [
      {
        index: 0,
        finish_reason: "tool_calls",
        message: {
          reasoning_content: "because",
          content: null,
          tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: "{}" } }],
        },
      },
    ],
  };
  const first = new Conversion(openaiResponses, openaiChat, { dialect: "deepseek", model: "deepseek-chat" });
  first.requestText(FIRST);
  const { output } = first.answerBody(answer);
  const input = [...FIRST.input, ...output, { type: "function_call_output", call_id: "c1", output: "ok" }];
  const again = new Conversion(openaiResponses, openaiChat, { dialect: "deepseek", model: "deepseek-chat" });
  assert.equal(again.requestBody({ ...FIRST, input }).messages[1].reasoning_content, "because");
  const groq = new Conversion(openaiResponses, openaiChat, { dialect: "groq", model: "x" });
  assert.equal(groq.requestText({ ...FIRST, input }).includes("because"), false);
});

test("answers of every upstream reach a Responses caller whole and streamed alike", () => {
  const chat = {
    id: "c",
    model: "up",
    choices: [{ index: 0, finish_reason: "stop", message: { content: "Hello" } }],
  };
  const wholes: [ChatProtocol, unknown, unknown[]][] = [
    [
      openaiChat,
      chat,
      [{ choices: [{ index: 0, delta: { content: "Hello" }, finish_reason: "stop" }] }, "[DONE]"],
    ],
    [
      gemini,
      { candidates: [{ content: { parts: [{ text: "Hello" }] }, finishReason: "STOP" }] },
      [{ candidates: [{ content: { parts: [{ text: "Hello" }] }, finishReason: "STOP" }] }],
    ],
    [
      ollama,
      { model: "q", message: { content: "Hello" }, done: true, done_reason: "stop" },
      [{ model: "q", message: { content: "Hello" }, done: true, done_reason: "stop" }],
    ],
    [
      cohere,
      {
        id: "k",
        finish_reason: "COMPLETE",
        message: { role: "assistant", content: [{ type: "text", text: "Hello" }] },
      },
      [
        { type: "message-start", id: "k", delta: { message: { role: "assistant" } } },
        { type: "content-start", index: 0, delta: { message: { content: { type: "text", text: "" } } } },
        { type: "content-delta", index: 0, delta: { message: { content: { text: "Hello" } } } },
        { type: "content-end", index: 0 },
        { type: "message-end", delta: { finish_reason: "COMPLETE" } },
      ],
    ],
  ];
  for (const [to, whole, stream] of wholes) {
    const run = new Conversion(openaiResponses, to, { model: "x" });
    run.requestText({ ...FIRST, stream: true });
    for (const response of [run.answerBody(whole), finalResponse(run.streamText(stream))]) {
      assert.equal(response.status, "completed", to.name);
      assert.equal(response.output[0].content[0].text, "Hello", to.name);
    }
    const local = new Conversion(ollama, to, { model: "x" });
    local.requestText({ model: "m", messages: [{ role: "user", content: "hi" }] });
    assert.equal(local.answerBody(whole).message.content, "Hello", to.name);
    assert.match(local.streamText(stream), /"content":"Hello".*\n.*"done":true/s, to.name);
  }
});
