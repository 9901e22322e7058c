import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/base/failure.ts";
import { anthropic } from "../../../src/protocols/anthropic/anthropic.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import { prefixHash } from "../../../src/protocols/prefix-hash.ts";
import { Conversion, type ConversionOptions } from "../support/conversion.ts";
import { createPlainLarge } from "../support/plain-large.ts";

const user = (content: unknown) => ({ role: "user", content });
const call = (id: string, name = "f", args = "{}") => ({
  id,
  type: "function",
  function: { name, arguments: args },
});
const tool = (name: string, parameters?: unknown) => ({ type: "function", function: { name, parameters } });

function convert(body: Record<string, unknown>, options: ConversionOptions = {}) {
  const run = new Conversion(openaiChat, anthropic, { model: "claude-sonnet-4-5", ...options });
  const sent = run.requestBody({ model: "m", messages: [user("hi")], ...body });
  return { sent, warnings: run.warnings, run };
}

const refusal = (body: Record<string, unknown>, options: ConversionOptions = {}): Failure => {
  try {
    convert(body, options);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("was not refused");
};

test("two tool messages become one user message, results before text (case 1); empty assistant text goes (case 2)", () => {
  const { sent } = convert({
    messages: [
      user("go"),
      { role: "assistant", content: "", tool_calls: [call("a"), call("b")] },
      { role: "tool", tool_call_id: "a", content: "A" },
      { role: "tool", tool_call_id: "b", content: "B" },
      user("and now"),
    ],
    tools: [tool("f")],
  });
  assert.deepEqual(sent.messages, [
    { role: "user", content: [{ type: "text", text: "go" }] },
    {
      role: "assistant",
      content: [
        { type: "tool_use", id: "a", name: "f", input: {} },
        { type: "tool_use", id: "b", name: "f", input: {} },
      ],
    },
    {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "a", content: "A" },
        { type: "tool_result", tool_use_id: "b", content: "B" },
        { type: "text", text: "and now" },
      ],
    },
  ]);
});

test("manual thinking is dropped in a tool loop without thinking, and with a forced choice (case 5)", () => {
  const messages = [
    user("go"),
    { role: "assistant", content: null, tool_calls: [call("a")] },
    { role: "tool", tool_call_id: "a", content: "A" },
  ];
  const loop = convert({ messages, tools: [tool("f")], reasoning_effort: "medium" });
  assert.equal(loop.sent.thinking, undefined);
  assert.ok(loop.warnings.includes("thinking_missing_in_history:thinking"));
  const forced = convert({ tools: [tool("f")], tool_choice: "required", reasoning_effort: "medium" });
  assert.deepEqual([forced.sent.thinking, forced.sent.tool_choice], [undefined, { type: "any" }]);
  const fresh = convert({ tools: [tool("f")], reasoning_effort: "medium" });
  assert.deepEqual(fresh.sent.thinking, { type: "enabled", budget_tokens: 8192 });
});

test("max_tokens: the catalog's when none is given, the caller's in either spelling, never over the cap (case 6)", () => {
  assert.equal(convert({}).sent.max_tokens, 64000);
  assert.equal(convert({}, { model: "my-own-name" }).sent.max_tokens, 4096);
  assert.equal(convert({ max_completion_tokens: 5 }).sent.max_tokens, 5);
  assert.equal(convert({ max_tokens: 999999 }).sent.max_tokens, 64000);
  assert.equal(convert({}, { capability: { maxTokens: 100 } }).sent.max_tokens, 100);
});

test("temperature is clamped on 4.5 and left out where sampling is gone (case 8)", () => {
  const old = convert({ temperature: 1.5 });
  assert.equal(old.sent.temperature, 1);
  assert.deepEqual(old.warnings, ["temperature_clamped:temperature"]);
  const both = convert({ temperature: 0.5, top_p: 0.9 });
  assert.deepEqual([both.sent.temperature, both.sent.top_p], [0.5, undefined]);
  for (const model of ["claude-opus-4-7", "claude-sonnet-5", "claude-opus-5-5", "claude-fable-5-1"]) {
    const now = convert({ temperature: 1.5 }, { model });
    assert.equal("temperature" in now.sent, false, model);
    assert.deepEqual(now.warnings, ["unsupported_sampling:temperature"], model);
  }
});

test("what a later system message says stays where it was said (case 23)", () => {
  const messages = [
    { role: "system", content: "first" },
    user("a"),
    { role: "assistant", content: "b" },
    { role: "system", content: "late" },
    user("c"),
  ];
  const old = convert({ messages });
  assert.deepEqual(old.sent.system, [{ type: "text", text: "first" }]);
  assert.equal(old.sent.messages.length, 3);
  assert.match(old.sent.messages[2].content[0].text, /<system-reminder>\nlate/);
  const recent = convert({ messages }, { model: "claude-sonnet-5" });
  assert.equal(recent.sent.messages[2].role, "system");
});

test("a tool result's image stays in it (case 24), a missing result is an error, never a success (case 26)", () => {
  const png = "data:image/png;base64,iVBORw0KGgo=";
  const { sent } = convert({
    messages: [
      user("go"),
      { role: "assistant", content: null, tool_calls: [call("a"), call("b")] },
      { role: "tool", tool_call_id: "a", content: [{ type: "image_url", image_url: { url: png } }] },
      user("stop that"),
    ],
    tools: [tool("f")],
  });
  const [first, second, third] = sent.messages[2].content;
  assert.equal(first.content[0].source.media_type, "image/png");
  assert.deepEqual(second, {
    type: "tool_result",
    tool_use_id: "b",
    content: "[no result was recorded for this call]",
    is_error: true,
  });
  assert.equal(third.text, "stop that");
});

test("tools: [] and a choice without tools are left out, a missing schema is an empty object (case 28)", () => {
  const empty = convert({ tools: [], tool_choice: "auto" }).sent;
  assert.deepEqual(["tools" in empty, "tool_choice" in empty], [false, false]);
  const bare = convert({ tools: [tool("f")] }).sent;
  assert.deepEqual(bare.tools, [{ name: "f", input_schema: { type: "object", properties: {} } }]);
});

test("a schema with anyOf at the top is wrapped and the answer unwrapped, whole and streamed (case 30)", () => {
  const { sent, run } = convert({ tools: [tool("f", { anyOf: [{ type: "object" }] })], stream: true });
  assert.deepEqual(sent.tools[0].input_schema, {
    type: "object",
    properties: { input: { anyOf: [{ type: "object" }] } },
    required: ["input"],
  });
  const answer = run.answerBody({
    id: "msg_1",
    type: "message",
    content: [{ type: "tool_use", id: "t", name: "f", input: { input: { a: 1, b: [2] } } }],
    stop_reason: "tool_use",
  });
  assert.equal(answer.choices[0].message.tool_calls[0].function.arguments, '{"a":1,"b":[2]}');
  const pieces = ['{"inp', 'ut": {"a":', ' "}"}', "}"];
  const text = run.streamText([
    { type: "message_start", message: { id: "msg_1", usage: { input_tokens: 1 } } },
    {
      type: "content_block_start",
      index: 0,
      content_block: { type: "tool_use", id: "t", name: "f", input: {} },
    },
    ...pieces.map((partial_json) => ({
      type: "content_block_delta",
      index: 0,
      delta: { type: "input_json_delta", partial_json },
    })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 3 } },
    { type: "message_stop" },
  ]);
  const shown = [...text.matchAll(/"arguments":"((?:[^"\\]|\\.)*)"/g)].map((found) =>
    JSON.parse(`"${found[1]}"`),
  );
  assert.equal(shown.join(""), '{"a": "}"}');
});

test("n: 2 is refused, logprobs are not there (case 31)", () => {
  const error = refusal({ n: 2 });
  assert.deepEqual([error.status, error.param], [400, "n"]);
  const { warnings, run } = convert({ logprobs: true });
  assert.deepEqual(warnings, ["unsupported_sampling:logprobs"]);
  const answer = run.answerBody({ content: [{ type: "text", text: "x" }], stop_reason: "end_turn" });
  assert.equal(answer.choices[0].logprobs, null);
});

test("JSON schemas: output_config on new models, a forced tool that reads as text on old ones (case 32)", () => {
  const format = {
    response_format: {
      type: "json_schema",
      json_schema: { name: "x", schema: { type: "object", properties: { a: { type: "number" } } } },
    },
  };
  const recent = convert(format).sent;
  assert.deepEqual(recent.output_config.format, {
    type: "json_schema",
    schema: { type: "object", properties: { a: { type: "number" } }, additionalProperties: false },
  });
  const { sent, run } = convert(format, { model: "claude-3-5-sonnet-20241022" });
  assert.deepEqual([sent.tools[0].name, sent.tool_choice], ["respond", { type: "tool", name: "respond" }]);
  const answer = run.answerBody({
    content: [{ type: "tool_use", id: "t", name: "respond", input: { a: 1 } }],
    stop_reason: "tool_use",
  });
  assert.equal(answer.choices[0].message.content, '{"a":1}');
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.equal(answer.choices[0].message.tool_calls, undefined);
});

test("images: a missing type is sniffed, bmp is refused with its place (case 33)", () => {
  const image = (url: string) => ({ messages: [user([{ type: "image_url", image_url: { url } }])] });
  const { sent } = convert(image("data:;base64,/9j/4AAQ"));
  assert.equal(sent.messages[0].content[0].source.media_type, "image/jpeg");
  const jpg = convert(image("data:image/jpg;base64,/9j/4AAQ")).sent;
  assert.equal(jpg.messages[0].content[0].source.media_type, "image/jpeg");
  const error = refusal(image("data:image/bmp;base64,Qk0="));
  assert.deepEqual([error.status, error.param], [400, "messages[0]"]);
  const url = convert(image("https://x.test/a.png")).sent;
  assert.deepEqual(url.messages[0].content[0].source, { type: "url", url: "https://x.test/a.png" });
});

test("more than four cache markers: the last four stay (case 37)", () => {
  const marked = (text: string) => ({ type: "text", text, cache_control: { type: "ephemeral" } });
  const { sent } = convert({
    messages: [
      { role: "system", content: [marked("s1"), marked("s2")] },
      user(["a", "b", "c", "d"].map(marked)),
    ],
  });
  const blocks = [...sent.system, ...sent.messages[0].content];
  assert.deepEqual(
    blocks.filter((block) => "cache_control" in block).map((block) => block.text),
    ["a", "b", "c", "d"],
  );
});

test("no thinking wanted: each model is told its own way (case 80)", () => {
  const off = (model: string) => {
    const { sent, warnings } = convert({ reasoning_effort: "none" }, { model });
    return [sent.thinking, sent.output_config?.effort, warnings];
  };
  assert.deepEqual(off("claude-sonnet-5"), [{ type: "disabled" }, undefined, []]);
  assert.deepEqual(off("claude-sonnet-5-5"), [{ type: "between_tools" }, undefined, []]);
  assert.deepEqual(off("claude-opus-5-5"), [undefined, "low", ["reasoning_always_on:thinking"]]);
  assert.deepEqual(off("claude-opus-4-8"), [undefined, undefined, []]);
  assert.deepEqual(off("claude-sonnet-4-5"), [undefined, undefined, []]);
});

test("effort becomes what the model knows: adaptive with a level, or a budget below max_tokens", () => {
  const on = (model: string, extra = {}) => {
    const { sent } = convert({ reasoning_effort: "high", ...extra }, { model });
    return [sent.thinking?.type, sent.thinking?.budget_tokens, sent.output_config?.effort, sent.max_tokens];
  };
  assert.deepEqual(on("claude-opus-4-8"), ["adaptive", undefined, "high", 128000]);
  assert.deepEqual(on("claude-sonnet-4-5"), ["enabled", 16384, undefined, 64000]);
  assert.deepEqual(on("claude-sonnet-4-5", { max_tokens: 5000 }), ["enabled", 4999, undefined, 5000]);
  assert.deepEqual(on("claude-sonnet-4-5", { max_tokens: 500 }), [undefined, undefined, undefined, 500]);
});

test("a forced choice that the model refuses is said in words at the very end (case 81)", () => {
  const { sent, warnings } = convert(
    { tools: [tool("f")], tool_choice: { type: "function", function: { name: "f" } } },
    { model: "claude-opus-5-5" },
  );
  assert.deepEqual(sent.tool_choice, { type: "auto" });
  assert.equal(sent.messages.at(-1).content.at(-1).text, "Answer this by calling the tool f.");
  assert.deepEqual(warnings, ["forced_tool_choice:tool_choice"]);
});

test("structured output schemas are restricted, a plain tool's schema is verbatim (case 88)", () => {
  const schema =
    '{"type":"object","properties":{"a":{"type":"string","minLength":2,"description":"d"},"o":{"oneOf":[{"type":"object","properties":{}},{"type":"null"}]}},"$schema":"http://json-schema.org/draft-07/schema#"}';
  const parameters = schema.replace("draft-07/schema#", "x").replace("http://json-schema.org/x", "x");
  const body = `{"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":${schema}}},"tools":[{"type":"function","function":{"name":"f","parameters":${parameters.replace(/,"\$schema":"x"/, ',"x":12345678901234567890')}}}]}`;
  const run = new Conversion(openaiChat, anthropic, { model: "claude-sonnet-4-5" });
  const text = run.requestText(body);
  const sent = JSON.parse(text);
  const out = sent.output_config.format.schema;
  assert.equal(out.additionalProperties, false);
  assert.equal(out.$schema, undefined);
  assert.equal(out.properties.a.description, "d\n\n{minLength: 2}");
  assert.equal(out.properties.o.anyOf[0].additionalProperties, false);
  assert.ok(text.includes('"minLength":2,"description":"d"'), "the tool's schema keeps its keywords");
  assert.ok(text.includes("12345678901234567890"), "and its large integers");
});

test("call ids are unique in the conversation (case 90)", () => {
  const { sent } = convert({
    messages: [
      user("1"),
      { role: "assistant", content: null, tool_calls: [call("call_0")] },
      { role: "tool", tool_call_id: "call_0", content: "A" },
      { role: "assistant", content: null, tool_calls: [call("call_0"), call("bad id!")] },
      { role: "tool", tool_call_id: "call_0", content: "B" },
      { role: "tool", tool_call_id: "bad id!", content: "C" },
    ],
    tools: [tool("f")],
  });
  const uses = sent.messages.flatMap((message: { content: { type: string; id: string }[] }) =>
    message.content.filter((block) => block.type === "tool_use").map((block) => block.id),
  );
  const results = sent.messages.flatMap((message: { content: { type: string; tool_use_id: string }[] }) =>
    message.content.filter((block) => block.type === "tool_result").map((block) => block.tool_use_id),
  );
  assert.deepEqual(uses, results);
  assert.equal(new Set(uses).size, 3);
  assert.ok(uses.every((id: string) => /^[a-zA-Z0-9_-]+$/.test(id)));
});

test("a prefill loses its trailing white space, stops of white space are emulated (case 91)", () => {
  const { sent, run, warnings } = convert({
    messages: [user("q"), { role: "assistant", content: "x \n" }],
    stop: ["\n\n", "END"],
  });
  assert.equal(sent.messages[1].content[0].text, "x");
  assert.deepEqual(sent.stop_sequences, ["END"]);
  assert.deepEqual(run.emulatedStop, ["\n\n"]);
  assert.ok(warnings.some((warning) => warning.startsWith("prefill:")));
  const never = convert(
    { messages: [user("q"), { role: "assistant", content: "x" }] },
    { model: "claude-opus-5" },
  );
  assert.equal(never.sent.messages.at(-1).role, "user");
});

test("thinking of this Claude goes back through a Chat client byte for byte, unless the tools changed (case 82)", () => {
  const tools = [tool("f")];
  const first = convert({ tools, stream: false });
  const { run } = first;
  const origin = () =>
    ({ origin: { vendor: "anthropic", model: "claude-opus-4-8", prefix: prefixOf(run) } }) as const;
  const signed = new Conversion(openaiChat, anthropic, { model: "claude-opus-4-8", answer: {} });
  signed.requestText({ model: "m", messages: [user("hi")], tools });
  Object.assign(signed.options, { answer: origin() });
  const answer = signed.answerBody({
    id: "msg_1",
    content: [
      { type: "thinking", thinking: "let me see", signature: "SIG+/=" },
      { type: "tool_use", id: "toolu_1", name: "f", input: {} },
    ],
    stop_reason: "tool_use",
  });
  const history = [
    user("hi"),
    answer.choices[0].message,
    { role: "tool", tool_call_id: answer.choices[0].message.tool_calls[0].id, content: "r" },
  ];
  const again = convert({ messages: history, tools, reasoning_effort: "low" }, { model: "claude-opus-4-8" });
  assert.deepEqual(again.sent.messages[1].content[0], {
    type: "thinking",
    thinking: "let me see",
    signature: "SIG+/=",
  });
  const changed = convert({ messages: history, tools: [...tools, tool("g")] }, { model: "claude-opus-4-8" });
  assert.equal(changed.sent.messages[1].content[0].type, "tool_use");
  const other = convert({ messages: history, tools }, { model: "claude-opus-4-7" });
  assert.equal(other.sent.messages[1].content[0].type, "tool_use");
});

function prefixOf(run: Conversion): string {
  if (run.request === null) throw new Error("no request yet");
  return prefixHash(run.request, createPlainLarge());
}

test("tool arguments keep integers beyond doubles and the order of keys", () => {
  const run = new Conversion(openaiChat, anthropic, { model: "claude-sonnet-4-5" });
  const args = '{"b": 12345678901234567890, "1": 2, "a": 1.0}';
  const text = run.requestText({
    model: "m",
    messages: [
      user("x"),
      { role: "assistant", content: null, tool_calls: [call("a", "f", args)] },
      { role: "tool", tool_call_id: "a", content: "r" },
    ],
  });
  assert.ok(text.includes(`"input":${args}`), text);
  assert.equal(JSON.parse(text).tools[0].name, "f", "stubs for calls of the history");
});
