import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatInspector } from "../../../src/protocols/openai-chat/inspector.ts";
import {
  CONTENT,
  ERROR,
  FINISH,
  MALFORMED,
  PING,
  REASONING,
  TERMINAL,
  TOOL_CALL,
  USAGE_ONLY,
} from "../../../src/protocols/protocol.ts";

const chunk = (choice: string, rest = "") =>
  `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-x","choices":[${choice}]${rest}}\n\n`;
const delta = (inside: string, finish = "null") =>
  chunk(`{"index":0,"delta":{${inside}},"logprobs":null,"finish_reason":${finish}}`);

function flags(inspector: ChatInspector, text: string): number {
  const bytes = Buffer.from(`before${text}behind "content":"x"`);
  return inspector.inspect(bytes, 6, 6 + Buffer.byteLength(text));
}

test("each kind of event has its flags, nothing is content that shows nothing", () => {
  const table: [string, number][] = [
    [delta('"role":"assistant","content":""'), 0],
    [delta('"role":"assistant","content":null,"refusal":null'), 0],
    [delta('"content":"a"'), CONTENT],
    [delta('"content":"a"', '"stop"'), CONTENT | FINISH],
    [delta('"reasoning_content":"hm","content":null'), CONTENT | REASONING],
    [delta('"reasoning":"hm"'), CONTENT | REASONING],
    [delta('"refusal":"no"'), CONTENT],
    [delta('"tool_calls":[]'), 0],
    [
      delta('"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]'),
      CONTENT | TOOL_CALL,
    ],
    [delta(""), 0],
    [delta("", '"length"'), FINISH],
    [chunk("", ',"usage":{"prompt_tokens":3,"completion_tokens":4}'), USAGE_ONLY],
    [chunk("", ',"prompt_filter_results":[{"content_filter_results":{"content":"x"}}]'), 0],
    [chunk('{"index":0,"text":"legacy","finish_reason":null}'), CONTENT],
    [
      chunk('{"index":0,"delta":{"content":""},"logprobs":{"content":[{"token":"content"}]}}'),
      0 | (CONTENT & 0),
    ],
    ["data: [DONE]\n\n", TERMINAL],
    ["data:[DONE]\r\n\r\n", TERMINAL],
    [": keep-alive\n\n", PING],
    ["\n", PING],
    ["data:\n\n", PING],
    ['data: {"error":{"message":"boom","type":"server_error","code":"overloaded"}}\n\n', ERROR],
    ['data: {"error":"boom"}\n\n', ERROR],
    ['data: {"object":"error","message":"boom","code":400}\n\n', ERROR],
    ['data: [{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}]\n\n', ERROR],
    ['data: {"id":"x","choices":[{"delta":{"content":"a"}}\n\n', MALFORMED],
    ['data: {"id":"x"}}\n\n', MALFORMED],
    ['data: {"choices":["unended\n\n', MALFORMED],
    ["data: hello\n\n", MALFORMED],
    ["data: [1]\n\n", MALFORMED],
  ];
  for (const [text, wanted] of table) {
    assert.equal(flags(new ChatInspector({ keepText: 0 }), text), wanted, text);
  }
});

test("usage, finish, model and error are read from the events that hold them", () => {
  const inspector = new ChatInspector({ keepText: 100 });
  flags(inspector, delta('"content":"a","x":{"usage":{"prompt_tokens":9}}'));
  assert.equal(inspector.usage, null);
  flags(inspector, delta("", '"tool_calls"'));
  flags(
    inspector,
    chunk(
      "",
      ',"usage":{"prompt_tokens":30,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":20},"x":"}"}',
    ),
  );
  assert.deepEqual(inspector.usage, {
    input: 30,
    cacheRead: 20,
    cacheWrite: null,
    cacheWriteLong: null,
    output: 4,
    reasoning: null,
  });
  assert.deepEqual(inspector.stop, { reason: "tool_call" });
  assert.equal(inspector.model, "gpt-x");
  assert.equal(inspector.position().id, "chatcmpl-1");
  assert.equal(inspector.position().created, 1700000000);
  flags(inspector, 'data: {"error":{"message":"boom","type":"server_error","code":"overloaded"}}\n\n');
  assert.deepEqual([inspector.error?.message, inspector.error?.code], ["boom", "overloaded"]);
});

test("the delivered text is kept as it came, escapes included, up to the cap", () => {
  const inspector = new ChatInspector({ keepText: 30 });
  for (const piece of ['Hä \\"x\\" ', "\\u4e2d\\\\", "\\n"]) flags(inspector, delta(`"content":"${piece}"`));
  assert.equal(inspector.text?.toString(), 'Hä \\"x\\" \\u4e2d\\\\\\n');
  assert.deepEqual(inspector.position().open, { kind: "text", index: 0, itemId: "" });
  flags(inspector, delta(`"content":"${"x".repeat(30)}"`));
  assert.equal(inspector.text, null);
  for (const text of [
    chunk('{"index":1,"delta":{"content":"second"}}'),
    chunk('{"index":0,"delta":{"content":"a"},"logprobs":{"content":[]}}'),
  ]) {
    const other = new ChatInspector({ keepText: 100 });
    flags(other, text);
    assert.equal(other.text, null, text);
  }
});

test("what an event says does not depend on where the last one ended", () => {
  const alone = 'data: {"x":[{"delta":{"content":"a"}}]}\n\n';
  const before = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';
  const inspect = (...events: string[]) => {
    const inspector = new ChatInspector({ keepText: 100 });
    return events.map((event) => inspector.inspect(Buffer.from(event), 0, event.length)).at(-1);
  };
  // The members of a choice, without the list that they stand in.
  const damaged = alone.replace('"x":', '"x",');
  assert.equal(inspect(before, damaged), inspect(damaged));
  assert.equal(inspect(before, alone), inspect(alone));
});
