import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CohereClient, CohereClientV2 } from "cohere-ai";
import { Failure } from "../../../src/base/failure.ts";
import { cohere, cohereV1 } from "../../../src/protocols/cohere/cohere.ts";
import type { ChatResponse, StreamEvent } from "../../../src/protocols/neutral.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import type { ChatProtocol } from "../../../src/protocols/protocol.ts";
import {
  type AnswerServer,
  type SdkAnswer,
  type SdkRequest,
  startAnswerServer,
} from "../support/answer-server.ts";
import { Conversion } from "../support/conversion.ts";

let answer: (request: SdkRequest) => SdkAnswer = () => ({ status: 500, body: "{}" });
let server: AnswerServer;
let v2: CohereClientV2;
let v1: CohereClient;

before(async () => {
  server = await startAnswerServer((request) => answer(request));
  v2 = new CohereClientV2({ token: "k", environment: server.url });
  v1 = new CohereClient({ token: "k", environment: server.url });
});
after(() => server.close());

const USAGE = { input: 12, cacheRead: 4, cacheWrite: null, cacheWriteLong: null, output: 9, reasoning: null };
const protocolOf = (request: SdkRequest): ChatProtocol =>
  request.path.startsWith("/v1") ? cohereV1 : cohere;

function conversionOf(request: SdkRequest): Conversion {
  const conversion = new Conversion(protocolOf(request), openaiChat, { model: "gpt-x" });
  conversion.decodeRequest(request.body);
  return conversion;
}

const EVENTS: StreamEvent[] = [
  { type: "start", id: "chatcmpl-1", model: "gpt-x", created: 1 },
  { type: "part", c: 0, i: 0, kind: "text" },
  { type: "text", c: 0, i: 0, text: "Zoë [DO" },
  { type: "text", c: 0, i: 0, text: "NE] or [DONE] 😀" },
  { type: "cite", c: 0, i: 0, citation: { start: 0, end: 3, url: "https://a.example/", title: "A" } },
  { type: "close", c: 0, i: 0 },
  { type: "part", c: 0, i: 1, kind: "call", id: "call_1", name: "f", custom: false },
  { type: "arguments", c: 0, i: 1, text: '{"a":' },
  { type: "arguments", c: 0, i: 1, text: "1}" },
  { type: "close", c: 0, i: 1 },
  { type: "usage", usage: USAGE },
  { type: "stop", c: 0, stop: { reason: "tool_call" } },
  { type: "end" },
];
const TEXT = "Zoë [DONE] or [DONE] 😀";

const stream = (request: SdkRequest): SdkAnswer => {
  const conversion = conversionOf(request);
  const encoder = protocolOf(request).createEncoder(conversion.answerContext());
  const text = EVENTS.map((event) => encoder.ping() + encoder.encode(event)).join("");
  return { contentType: protocolOf(request).streamContentType, body: text.match(/[\s\S]{1,61}/g) ?? [] };
};

const RESPONSE: ChatResponse = {
  id: "",
  model: "gpt-x",
  created: 1,
  candidates: [
    {
      parts: [
        { type: "thinking", text: "hm" },
        {
          type: "text",
          text: "Hi",
          citations: [{ start: 0, end: 2, url: "https://a.example/", title: "A" }],
        },
        { type: "call", id: "call_1", name: "f", arguments: '{"a":1}', kind: "function" },
      ],
      stop: { reason: "tool_call" },
    },
  ],
  usage: USAGE,
};
const whole = (request: SdkRequest): SdkAnswer => ({
  body: protocolOf(request).encodeResponse(RESPONSE, conversionOf(request).answerContext()),
});

const ASK = { model: "m", messages: [{ role: "user" as const, content: "hi" }] };

test("v2 chat: plan, text, call, citation, finish reason and usage arrive in the SDK's object", async () => {
  answer = whole;
  const result = await v2.chat(ASK);
  assert.equal(server.requests.at(-1)?.path, "/v2/chat");
  assert.equal(result.finishReason, "TOOL_CALL");
  assert.equal(result.message.toolPlan, "hm");
  assert.deepEqual(result.message.content, [{ type: "text", text: "Hi" }]);
  assert.deepEqual(result.message.toolCalls, [
    { id: "call_1", type: "function", function: { name: "f", arguments: '{"a":1}' } },
  ]);
  assert.equal(result.message.citations?.[0]?.contentIndex, 0);
  assert.deepEqual(result.usage?.tokens, { inputTokens: 12, outputTokens: 9 });
  assert.equal(result.usage?.cachedTokens, 4);
});

test("99: v2 stream: the literal [DONE] does not end it; finish reason and usage of message-end arrive", async () => {
  answer = stream;
  let text = "";
  let args = "";
  const types: string[] = [];
  for await (const event of await v2.chatStream(ASK)) {
    types.push(event.type);
    if (event.type === "content-delta") text += event.delta?.message?.content?.text ?? "";
    if (event.type === "tool-call-delta") args += event.delta?.message?.toolCalls?.function?.arguments ?? "";
    if (event.type === "tool-call-start") assert.equal(event.delta?.message?.toolCalls?.id, "call_1");
    if (event.type === "citation-start") assert.equal(event.delta?.message?.citations?.start, 0);
    if (event.type === "message-end") {
      assert.equal(event.delta?.finishReason, "TOOL_CALL");
      assert.deepEqual(event.delta?.usage?.tokens, { inputTokens: 12, outputTokens: 9 });
    }
  }
  assert.equal(text, TEXT);
  assert.equal(args, '{"a":1}');
  assert.deepEqual([types[0], types.at(-1)], ["message-start", "message-end"]);
});

test("v1 chat: text, calls, documents and meta arrive in the SDK's object", async () => {
  answer = whole;
  const result = await v1.chat({ message: "hi" });
  assert.equal(server.requests.at(-1)?.path, "/v1/chat");
  assert.equal(result.text, "Hi");
  assert.equal(result.finishReason, "COMPLETE");
  assert.deepEqual(result.toolCalls, [{ name: "f", parameters: { a: 1 } }]);
  assert.deepEqual(result.citations?.[0]?.documentIds, ["https://a.example/"]);
  assert.deepEqual(result.documents, [{ id: "https://a.example/", title: "A", url: "https://a.example/" }]);
  assert.equal(result.meta?.tokens?.inputTokens, 12);
});

test("v1 stream: every line is an event of the SDK's union, white space between lines is harmless", async () => {
  answer = stream;
  let text = "";
  let end: { finishReason?: unknown; text?: unknown; calls?: unknown } = {};
  const types: string[] = [];
  for await (const event of await v1.chatStream({ message: "hi" })) {
    types.push(event.eventType);
    if (event.eventType === "text-generation") text += event.text;
    if (event.eventType === "stream-end")
      end = { finishReason: event.finishReason, text: event.response.text, calls: event.response.toolCalls };
  }
  assert.deepEqual(types, [
    "stream-start",
    "text-generation",
    "text-generation",
    "citation-generation",
    "tool-calls-generation",
    "stream-end",
  ]);
  assert.equal(text, TEXT);
  assert.deepEqual(end, {
    finishReason: "COMPLETE",
    text: TEXT,
    calls: [{ name: "f", parameters: { a: 1 } }],
  });
});

test("what the SDKs send is understood: tools, results, documents, schemas, history", async () => {
  answer = whole;
  await v2.chat({
    ...ASK,
    messages: [
      { role: "system", content: "s" },
      {
        role: "user",
        content: [
          { type: "text", text: "q" },
          { type: "image_url", imageUrl: { url: "data:image/png;base64,AAAA" } },
        ],
      },
      {
        role: "assistant",
        toolPlan: "plan",
        toolCalls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      { role: "tool", toolCallId: "c", content: [{ type: "document", document: { data: { text: "t" } } }] },
    ],
    tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
    toolChoice: "REQUIRED",
    maxTokens: 5,
    stopSequences: ["x"],
    thinking: { type: "enabled", tokenBudget: 100 },
  });
  const { request } = new Conversion(cohere, cohere).decodeRequest(server.requests.at(-1)?.body);
  assert.deepEqual(
    request.turns.map((turn) => turn.parts.map((part) => part.type)),
    [["text", "image"], ["thinking", "call"], ["result"]],
  );
  assert.deepEqual(
    [request.choice?.mode, request.sampling, request.reasoning.budget],
    ["required", { max: 5, stop: ["x"] }, 100],
  );
  await v1.chat({
    message: "",
    chatHistory: [
      { role: "USER", message: "q" },
      { role: "CHATBOT", message: "", toolCalls: [{ name: "f", parameters: { a: 1 } }] },
    ],
    toolResults: [{ call: { name: "f", parameters: { a: 1 } }, outputs: [{ t: 1 }] }],
    tools: [{ name: "f", description: "d", parameterDefinitions: { a: { type: "int", required: true } } }],
  });
  const old = new Conversion(cohereV1, cohere).decodeRequest(server.requests.at(-1)?.body).request;
  const call = old.turns[1]?.parts[0];
  const result = old.turns[2]?.parts[0];
  assert.ok(call?.type === "call" && result?.type === "result" && call.id === result.callId);
});

test("errors: the SDK's class by status, and an error in the middle of a stream is seen", async () => {
  const failure = new Failure("quota", "the budget is used up", { code: "budget_exceeded" });
  answer = () => {
    const { status, body } = cohere.encodeError(failure, "r");
    return { status, body };
  };
  await assert.rejects(v2.chat(ASK, { maxRetries: 0 }), (error: { statusCode?: number; message: string }) => {
    assert.equal(error.statusCode, 402);
    assert.match(error.message, /the budget is used up/);
    return true;
  });
  answer = (request) => {
    const encoder = protocolOf(request).createEncoder(conversionOf(request).answerContext());
    const body = EVENTS.slice(0, 3)
      .map((event) => encoder.encode(event))
      .concat(encoder.fail(failure));
    return { contentType: protocolOf(request).streamContentType, body: body.filter((piece) => piece !== "") };
  };
  const ends: unknown[] = [];
  for await (const event of await v2.chatStream(ASK)) {
    if (event.type === "message-end") ends.push(event.delta?.finishReason, event.delta?.error);
  }
  for await (const event of await v1.chatStream({ message: "hi" })) {
    if (event.eventType === "stream-end") ends.push(event.finishReason);
  }
  assert.deepEqual(ends, ["ERROR", "the budget is used up", "ERROR"]);
});
