import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import AnthropicOld from "anthropic-sdk-0";
import { anthropic } from "../../../src/protocols/anthropic/anthropic.ts";
import type { StreamEvent } from "../../../src/protocols/neutral.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import { startAnswerServer } from "../support/answer-server.ts";
import { Conversion, sseData } from "../support/conversion.ts";

const chunk = (delta: unknown, finish: string | null = null) => ({
  id: "chatcmpl-up",
  model: "up-model",
  choices: [{ index: 0, delta, finish_reason: finish }],
});

function fromChat(body: Record<string, unknown> = {}): Conversion {
  const run = new Conversion(anthropic, openaiChat, { dialect: "openai" });
  run.requestText({
    model: "m",
    max_tokens: 9,
    stream: true,
    messages: [{ role: "user", content: "hi" }],
    ...body,
  });
  return run;
}

/** The message both official SDKs make of a stream's bytes. */
async function throughSdks(text: string) {
  const server = await startAnswerServer(() => ({ contentType: "text/event-stream", body: text }));
  const request = { model: "m", max_tokens: 9, messages: [{ role: "user" as const, content: "hi" }] };
  const options = { baseURL: server.url, apiKey: "k", maxRetries: 0 };
  try {
    const now = await new Anthropic(options).messages.stream(request).finalMessage();
    const old = await new AnthropicOld(options).messages.stream(request).finalMessage();
    assert.deepEqual(JSON.parse(JSON.stringify(old.content)), JSON.parse(JSON.stringify(now.content)));
    return now;
  } finally {
    await server.close();
  }
}

const types = (text: string) => sseData(text).map((data) => data.type);

test("reasoning, text and usage from Chat chunks: one message_start, blocks in turn, usage at the end (cases 42, 45)", async () => {
  const text = fromChat().streamText([
    { id: "x", choices: [], prompt_filter_results: [] },
    chunk({ role: "assistant", content: "" }),
    chunk({ reasoning_content: "hm" }),
    chunk({ content: "Hel" }),
    chunk({ content: "lo" }, "stop"),
    {
      choices: [],
      usage: { prompt_tokens: 10, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 6 } },
    },
    "[DONE]",
  ]);
  assert.deepEqual(types(text), [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_delta",
    "content_block_stop",
    "content_block_start",
    "content_block_delta",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
  ]);
  const message = await throughSdks(text);
  assert.equal(message.content[0]?.type, "thinking");
  assert.ok(message.content[0]?.type === "thinking" && message.content[0].signature.startsWith("slc1."));
  assert.equal(message.content[1]?.type === "text" && message.content[1].text, "Hello");
  assert.deepEqual(
    [message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens],
    [4, 6, 4],
  );
  assert.equal(message.stop_reason, "end_turn");
});

test("empty tool_calls beside content are text (case 44); empty arguments are {} (case 49)", async () => {
  const text = fromChat().streamText([
    chunk({ content: "a", tool_calls: [] }),
    chunk({ tool_calls: [{ index: 0, id: "c1", function: { name: "f", arguments: "" } }] }),
    chunk({}, "stop"),
    "[DONE]",
  ]);
  const message = await throughSdks(text);
  assert.deepEqual(
    message.content.map((block) => (block.type === "tool_use" ? [block.name, block.input] : block.type)),
    ["text", ["f", {}]],
  );
  assert.equal(message.stop_reason, "tool_use");
});

test("interleaved calls become two whole blocks in turn (case 47)", async () => {
  const call = (index: number, rest: object) => chunk({ tool_calls: [{ index, ...rest }] });
  const text = fromChat().streamText([
    call(0, { id: "a", function: { name: "f", arguments: "" } }),
    call(1, { id: "b", function: { name: "g", arguments: '{"y"' } }),
    call(0, { function: { arguments: '{"x":1' } }),
    call(1, { function: { arguments: ":2}" } }),
    call(0, { function: { arguments: "}" } }),
    chunk({}, "tool_calls"),
    "[DONE]",
  ]);
  const message = await throughSdks(text);
  assert.deepEqual(
    message.content.map((block) => block.type === "tool_use" && [block.name, block.input]),
    [
      ["f", { x: 1 }],
      ["g", { y: 2 }],
    ],
  );
});

test("arguments that are not one JSON value fail in-band, control characters are escaped, a cut passes (case 97)", async () => {
  const run = (args: string, finish: string) =>
    fromChat().streamText([
      chunk({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: args } }] }),
      chunk({}, finish),
      "[DONE]",
    ]);
  for (const bad of ['{"a":1}{"b":2}', "{'a':1}", '{"a":NaN}']) {
    const text = run(bad, "tool_calls");
    assert.ok(types(text).includes("error") && !types(text).includes("message_stop"), bad);
    await assert.rejects(throughSdks(text), bad);
  }
  const escaped = await throughSdks(run('{"a":"x\ny"}', "tool_calls"));
  assert.deepEqual(escaped.content[0]?.type === "tool_use" && escaped.content[0].input, { a: "x\ny" });
  const cut = await throughSdks(run('{"a":"x', "length"));
  assert.equal(cut.stop_reason, "max_tokens");
  const incomplete = run('{"a":"x', "tool_calls");
  assert.ok(types(incomplete).includes("error"));
  const asTheyCame = new Conversion(openaiChat, openaiChat, { dialect: "openai" });
  asTheyCame.requestText({ model: "m", messages: [{ role: "user", content: "hi" }] });
  const passed = asTheyCame.streamText([
    chunk({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: '{"a":1}{"b":2}' } }] }),
    chunk({}, "tool_calls"),
    "[DONE]",
  ]);
  assert.ok(passed.includes('{\\"a\\":1}{\\"b\\":2}'));
});

test("a cut upstream is an error event, never a message_stop", async () => {
  const text = fromChat().streamText([chunk({ content: "x" })]);
  assert.ok(types(text).includes("error") && !types(text).includes("message_stop"));
  await assert.rejects(throughSdks(text), /ended before the answer was complete/);
});

function toChat(): Conversion {
  const run = new Conversion(openaiChat, anthropic, { model: "claude-sonnet-4-5" });
  run.requestText({
    model: "m",
    stream: true,
    stream_options: { include_usage: true },
    messages: [{ role: "user", content: "hi" }],
  });
  return run;
}

const start = (usage: object) => ({
  type: "message_start",
  message: { id: "msg_1", model: "claude-sonnet-4-5", usage },
});
const block = (index: number, content_block: object) => ({
  type: "content_block_start",
  index,
  content_block,
});
const delta = (index: number, inside: object) => ({ type: "content_block_delta", index, delta: inside });
const stop = (index: number) => ({ type: "content_block_stop", index });
const end = (stop_reason: string, usage: object = { output_tokens: 2 }) => [
  { type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage },
  { type: "message_stop" },
];

test("cumulative usage is counted once (case 55), the first chunk names the role (case 77)", () => {
  const usage = { input_tokens: 317, cache_read_input_tokens: 4425, output_tokens: 1 };
  const text = toChat().streamText([
    start(usage),
    block(0, { type: "text", text: "" }),
    delta(0, { type: "text_delta", text: "x" }),
    { type: "ping" },
    { type: "brand_new_event", index: 0 },
    delta(0, { type: "brand_new_delta" }),
    stop(0),
    ...end("end_turn", { ...usage, output_tokens: 9 }),
  ]);
  const data = sseData(text);
  assert.equal(data[0].choices[0].delta.role, "assistant");
  assert.deepEqual([data.at(-1).usage.prompt_tokens, data.at(-1).usage.completion_tokens], [4742, 9]);
  assert.equal(data.at(-1).usage.prompt_tokens_details.cached_tokens, 4425);
});

test("server tools stream no call to the caller; text and citations arrive whole (case 96)", () => {
  const run = toChat();
  const text = run.streamText([
    start({ input_tokens: 1 }),
    block(0, { type: "server_tool_use", id: "srv", name: "web_search", input: {} }),
    delta(0, { type: "input_json_delta", partial_json: '{"query":"x"}' }),
    stop(0),
    block(1, { type: "web_search_tool_result", tool_use_id: "srv", content: [] }),
    stop(1),
    block(2, { type: "text", text: "" }),
    delta(2, { type: "text_delta", text: "See. " }),
    stop(2),
    block(3, { type: "text", text: "" }),
    delta(3, { type: "text_delta", text: "Cited" }),
    delta(3, {
      type: "citations_delta",
      citation: {
        type: "web_search_result_location",
        url: "https://x.test",
        title: "X",
        cited_text: "Cited",
      },
    }),
    stop(3),
    ...end("end_turn"),
  ]);
  const data = sseData(text);
  const words = data.map((each) => each.choices[0]?.delta.content ?? "").join("");
  assert.equal(words, "See. Cited");
  assert.ok(data.every((each) => each.choices[0]?.delta.tool_calls === undefined));
  const [annotation] = data.flatMap((each) => each.choices[0]?.delta.annotations ?? []);
  assert.deepEqual(annotation.url_citation, {
    url: "https://x.test",
    title: "X",
    start_index: 5,
    end_index: 10,
  });
  assert.ok(run.warnings.includes("vendor_item:anthropic"));
});

test("input in the start event counts when no deltas follow, EOF after a stop reason is complete", () => {
  const events = toChat().decodeStream([
    start({ input_tokens: 1 }),
    block(0, { type: "tool_use", id: "t", name: "f", input: { a: 1 } }),
    stop(0),
    block(1, { type: "redacted_thinking", data: "DATA" }),
    stop(1),
    end("tool_use")[0],
  ]);
  assert.ok(events.some((event) => event.type === "arguments" && event.text === '{"a":1}'));
  assert.ok(events.some((event) => event.type === "signature" && event.signature.redacted === true));
  assert.equal(events.at(-1)?.type, "end");
  const cut = toChat().decodeStream([start({}), block(0, { type: "text", text: "x" })]);
  assert.equal(cut.at(-1)?.type, "error");
});

test("a continued stream goes on in the open block with the next index and no second start", async () => {
  const run = fromChat();
  const events: StreamEvent[] = [
    { type: "start", id: "other", model: "other", created: 0 },
    { type: "part", c: 0, i: 0, kind: "text" },
    { type: "text", c: 0, i: 0, text: " world" },
    { type: "part", c: 0, i: 1, kind: "call", id: "c", name: "f", custom: false },
    { type: "arguments", c: 0, i: 1, text: "{}" },
    { type: "stop", c: 0, stop: { reason: "stop" } },
    { type: "end" },
  ];
  const head =
    'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":0}}}\n\n' +
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n' +
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}\n\n';
  const inspector = anthropic.createInspector({ keepText: 1000 });
  for (const piece of head.split(/(?<=\n\n)/)) {
    const bytes = Buffer.from(piece);
    inspector.inspect(bytes, 0, bytes.length);
  }
  assert.equal(inspector.text?.toString(), "Hello");
  const encoder = anthropic.createEncoder(run.answerContext(), inspector.position());
  const message = await throughSdks(head + events.map((event) => encoder.encode(event)).join(""));
  assert.equal(message.content[0]?.type === "text" && message.content[0].text, "Hello world");
  assert.equal(message.content[1]?.type, "tool_use");
});
