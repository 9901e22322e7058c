/** Responses and Ollama callers over streams of every upstream protocol: every kind of answer, and every way to break off. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type EventSink, EventSplitter, parseSseFields, type SseFields } from "../../../src/base/sse.ts";
import { anthropic } from "../../../src/protocols/anthropic/anthropic.ts";
import { cohere, cohereV1 } from "../../../src/protocols/cohere/cohere.ts";
import { gemini } from "../../../src/protocols/gemini/gemini.ts";
import type { StreamEvent } from "../../../src/protocols/neutral.ts";
import { ollama } from "../../../src/protocols/ollama/ollama.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/openai-responses.ts";
import type { ChatProtocol } from "../../../src/protocols/protocol.ts";
import { Conversion } from "../support/conversion.ts";
import { createPlainLarge } from "../support/plain-large.ts";
import { checkGrammar, ended } from "./support.ts";

const START: StreamEvent = { type: "start", id: "up_1", model: "up", created: 5 };
const TEXT: StreamEvent[] = [
  { type: "part", c: 0, i: 0, kind: "text" },
  { type: "text", c: 0, i: 0, text: "Grüß " },
  { type: "text", c: 0, i: 0, text: "Gott 😀" },
  { type: "close", c: 0, i: 0 },
];
const call = (i: number): StreamEvent[] => [
  { type: "part", c: 0, i, kind: "call", id: `call_${i}`, name: "f", custom: false },
  { type: "arguments", c: 0, i, text: '{"n":' },
  { type: "arguments", c: 0, i, text: `${i}}` },
  { type: "close", c: 0, i },
];

const SCRIPTS: Record<string, StreamEvent[]> = {
  text: [START, ...TEXT, ...ended()],
  "a call": [START, ...call(0), ...ended()],
  "text and two calls": [START, ...TEXT, ...call(1), ...call(2), ...ended()],
  "cut by length": [START, ...TEXT, ...ended("length")],
  "an error in the middle": [
    START,
    ...TEXT,
    {
      type: "error",
      error: {
        status: 500,
        code: "server_error",
        message: "boom",
        param: null,
        retryAfterMs: null,
        recognised: true,
      },
    },
  ],
  truncated: [START, ...TEXT.slice(0, 2)],
};

const UPSTREAMS = [openaiChat, openaiResponses, anthropic, gemini, cohere, cohereV1, ollama];

const ASK: Record<string, object> = {
  "openai-responses": { model: "m", input: "hi", stream: true, tools: [{ type: "function", name: "f" }] },
  ollama: { model: "m", messages: [{ role: "user", content: "hi" }] },
};

/** What an upstream of that protocol would have sent: the wire of its own encoder. */
function wireOf(upstream: ChatProtocol, script: readonly StreamEvent[]): Buffer {
  const run = new Conversion(openaiChat, upstream);
  const messages = [{ role: "user", content: "hi" }];
  run.requestText({ model: "m", messages, stream: true, stream_options: { include_usage: true } });
  const encoder = upstream.createEncoder(run.answerContext());
  return Buffer.from(script.map((event) => encoder.encode(event)).join(""));
}

function relay(from: ChatProtocol, upstream: ChatProtocol, wire: Buffer, size: number): string {
  const run = new Conversion(from, upstream);
  run.requestText(ASK[from.name]);
  const decoder = upstream.createDecoder(run.convertContext(createPlainLarge()));
  const events: StreamEvent[] = [];
  const fields: SseFields = { event: "", data: "", hasData: false };
  const sink: EventSink = {
    onEvent(buffer, start, end) {
      if (upstream.framing === "ndjson") decoder.decode(buffer.toString("utf8", start, end), "", events);
      else if (parseSseFields(buffer, start, end, fields)) decoder.decode(fields.data, fields.event, events);
      return true;
    },
  };
  const splitter = new EventSplitter(upstream.framing);
  for (let at = 0; at < wire.length; at += size) splitter.push(wire.subarray(at, at + size), sink);
  decoder.finish(events);
  return run.encodeStream(events);
}

function checkResponses(text: string, name: string): void {
  const events = checkGrammar(text);
  const last = events[events.length - 1];
  if (name === "an error in the middle" || name === "truncated") {
    assert.equal(last?.type, "response.failed");
    return;
  }
  assert.ok(
    last?.type === (name === "cut by length" ? "response.incomplete" : "response.completed"),
    last?.type,
  );
  const { output } = last.response;
  const calls = output.flatMap((item) => (item.type === "function_call" ? [JSON.parse(item.arguments)] : []));
  const expected = name === "a call" ? [{ n: 0 }] : name === "text and two calls" ? [{ n: 1 }, { n: 2 }] : [];
  assert.deepEqual(calls, expected);
  const texts = output.flatMap((item) => (item.type === "message" ? item.content : []));
  const said = texts.map((part) => (part.type === "output_text" ? part.text : "")).join("");
  assert.equal(said, name === "a call" ? "" : "Grüß Gott 😀");
  assert.equal(last.response.usage?.output_tokens, 9);
}

function checkOllama(text: string, name: string): void {
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const last = lines[lines.length - 1];
  if (name === "an error in the middle" || name === "truncated") {
    assert.equal(typeof last.error, "string");
    assert.equal(
      lines.some((line) => line.done === true),
      false,
    );
    return;
  }
  const said = lines.map((line) => line.message.content).join("");
  assert.equal(said, name === "a call" ? "" : "Grüß Gott 😀");
  const calls = lines.flatMap((line) => line.message.tool_calls ?? []);
  assert.equal(calls.length, name === "a call" ? 1 : name === "text and two calls" ? 2 : 0);
  assert.deepEqual(
    [last.done, last.done_reason, last.eval_count],
    [true, name === "cut by length" ? "length" : "stop", 9],
  );
}

for (const upstream of UPSTREAMS) {
  for (const [name, script] of Object.entries(SCRIPTS)) {
    test(`${name}, streamed by ${upstream.name}, reaches Responses and Ollama callers`, () => {
      const wire = wireOf(upstream, script);
      const whole = relay(openaiResponses, upstream, wire, wire.length + 1);
      checkResponses(whole, name);
      checkOllama(relay(ollama, upstream, wire, wire.length + 1), name);
      for (const size of [1, 2, 3, 7])
        assert.equal(relay(openaiResponses, upstream, wire, size), whole, `pieces of ${size}`);
    });
  }
}
