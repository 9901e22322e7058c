/** Relayed Responses streams: what the inspector sees, and how a broken one goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { Failure } from "../../../src/base/failure.ts";
import type { StreamEvent } from "../../../src/protocols/neutral.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/openai-responses.ts";
import {
  CONTENT,
  ERROR,
  FINISH,
  MALFORMED,
  PING,
  TERMINAL,
  TOOL_CALL,
} from "../../../src/protocols/protocol.ts";
import {
  checkGrammar,
  conversion,
  encode,
  ended,
  LONG_TEXT,
  relay,
  startStream,
  THOUGHT_TEXT_CALL,
  USAGE,
} from "./support.ts";

test("the inspector tells content, finish, usage and calls by bytes", () => {
  const { inspector, flags } = relay(encode(THOUGHT_TEXT_CALL));
  assert.equal(flags[0], 0, "response.created is no content");
  assert.equal(flags[1], 0);
  assert.ok(((flags[2] ?? 0) & CONTENT) !== 0);
  assert.ok(flags.some((flag) => (flag & TOOL_CALL) !== 0));
  assert.equal(flags[flags.length - 1], FINISH | TERMINAL);
  assert.deepEqual(inspector.usage, { ...USAGE, cacheWrite: 0 });
  assert.equal(inspector.model, "claude-x");
  assert.deepEqual(inspector.stop, { reason: "tool_call" });
  assert.equal(inspector.text, null, "no continuation once a call was sent");
});

test("errors, pings and garbage are told apart", () => {
  const failed = relay(
    openaiResponses.encodeStreamError(new Failure("quota", "no money", { code: "x" }), null),
  );
  assert.equal(failed.flags[failed.flags.length - 1], ERROR | TERMINAL);
  assert.equal(failed.inspector.error?.code, "insufficient_quota");
  const flat = relay(
    'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"try again in 1.5s"}\n\n',
  );
  assert.deepEqual(flat.flags, [ERROR]);
  assert.equal(flat.inspector.error?.retryAfterMs, 1500);
  assert.deepEqual(relay('data: {"error":{"message":"boom"}}\n\n').flags, [ERROR]);
  assert.deepEqual(relay(": keep-alive\n\n").flags, [PING]);
  assert.deepEqual(relay('data: {"type":"keepalive"}\n\n').flags, [PING]);
  assert.deepEqual(relay("data: [DONE]\n\n").flags, [PING]);
  for (const bad of [
    "nonsense",
    '{"type":"response.output_text.delta","delta":"x',
    "[1]",
    '{"a":1}',
    '{"type"',
  ])
    assert.deepEqual(relay(`data: ${bad}\n\n`).flags, [MALFORMED], bad);
  assert.deepEqual(relay('data: {"type":"response.new_thing.delta","delta":"x"}\n\n').flags, [CONTENT]);
});

test("the whole answer's usage is read from its bytes", () => {
  const body = Buffer.from(
    '{"id":"resp_1","output":[{"usage":{"input_tokens":99}}],"usage":{"input_tokens":5,"output_tokens":7}}',
  );
  assert.equal(openaiResponses.readUsage(body)?.input, 5);
  assert.equal(openaiResponses.readUsage(Buffer.from('{"id":"x"}')), null);
  assert.equal(openaiResponses.readUsage(Buffer.from("<html>")), null);
});

test("a relayed stream cut after any event goes on in the middle, and the SDK sees one whole answer", async (t) => {
  const whole = encode(LONG_TEXT);
  const total = whole.split(/(?<=\n\n)/).length;
  for (let count = 1; count < total; count++) {
    const { inspector, blocks } = relay(whole, count);
    assert.notEqual(inspector.text, null);
    const sent = JSON.parse(`"${inspector.text?.toString() ?? ""}"`) as string;
    const encoder = openaiResponses.createEncoder(conversion().answerContext(), inspector.position());
    const rest: StreamEvent[] = [
      { type: "start", id: "other", model: "second", created: 99 },
      { type: "part", c: 0, i: 0, kind: "text" },
      { type: "text", c: 0, i: 0, text: 'one "two" three'.slice(sent.length) || "!" },
      { type: "close", c: 0, i: 0 },
      ...ended(),
    ];
    const text = blocks.join("") + rest.map((event) => encoder.encode(event)).join("");
    const events = checkGrammar(text);
    const last = events[events.length - 1];
    assert.ok(last?.type === "response.completed", `cut after ${count}`);
    assert.equal(last.response.id, "resp_upstream");
    const server = await startStream(text);
    t.after(server.close);
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", maxRetries: 0 });
    const final = await client.responses.stream({ model: "fast", input: "hi" }).finalResponse();
    assert.equal(final.output_text.slice(0, 15), 'one "two" three', `cut after ${count}`);
  }
  t.diagnostic(`${total - 1} cuts`);
});

test("a stream cut while it thought begins the thought afresh in an item of its own", async (t) => {
  const whole = encode(LONG_TEXT);
  const { inspector, blocks } = relay(whole, 5);
  assert.equal(inspector.position().open?.text, "hm");
  const encoder = openaiResponses.createEncoder(conversion().answerContext(), inspector.position());
  const rest: StreamEvent[] = [
    { type: "start", id: "other", model: "second", created: 99 },
    { type: "part", c: 0, i: 0, kind: "thinking" },
    { type: "think", c: 0, i: 0, text: "again" },
    { type: "close", c: 0, i: 0 },
    { type: "text", c: 0, i: 1, text: "done" },
    ...ended(),
  ];
  const text = blocks.join("") + rest.map((event) => encoder.encode(event)).join("");
  checkGrammar(text);
  const server = await startStream(text);
  t.after(server.close);
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", maxRetries: 0 });
  const { output } = await client.responses.stream({ model: "fast", input: "hi" }).finalResponse();
  assert.deepEqual(
    output.map((item) => (item.type === "reasoning" ? item.summary[0]?.text : item.type)),
    ["hm", "again", "message"],
  );
});

test("the in-band error of a relayed stream has the bytes that an encoder at that point would write", () => {
  const { inspector } = relay(encode(LONG_TEXT), 7);
  const failure = new Failure("upstream", "gone", { code: "upstream_error" });
  const encoder = openaiResponses.createEncoder(conversion().answerContext(), inspector.position());
  assert.equal(openaiResponses.encodeStreamError(failure, inspector), encoder.fail(failure));
});

test("text and items are kept up to the cap only", () => {
  const inspector = openaiResponses.createInspector({ keepText: 64 });
  const delta = Buffer.from(`data: {"type":"response.output_text.delta","delta":"${"y".repeat(40)}"}\n\n`);
  inspector.inspect(delta, 0, delta.length);
  assert.equal(inspector.text?.length, 40);
  inspector.inspect(delta, 0, delta.length);
  assert.equal(inspector.text, null);
  const item = Buffer.from(
    `data: {"type":"response.output_item.done","output_index":0,"item":{"a":"${"y".repeat(400)}"}}\n\n`,
  );
  inspector.inspect(item, 0, item.length);
  assert.deepEqual(inspector.position().items, []);
});
