import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/base/failure.ts";
import { anthropic } from "../../../src/protocols/anthropic/anthropic.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import { Conversion, type ConversionOptions } from "../support/conversion.ts";

function convert(body: Record<string, unknown>, options: ConversionOptions = {}) {
  const run = new Conversion(anthropic, openaiChat, { dialect: "openai", ...options });
  const sent = run.requestBody({
    model: "m",
    max_tokens: 100,
    messages: [{ role: "user", content: "hi" }],
    ...body,
  });
  return { sent, warnings: run.warnings, run };
}

const use = (id: string, name = "f", input: unknown = {}) => ({ type: "tool_use", id, name, input });
const result = (id: string, rest = {}) => ({ type: "tool_result", tool_use_id: id, ...rest });

test("a thinking block with an empty signature is dropped, its call kept (case 4)", () => {
  const { sent } = convert({
    messages: [
      { role: "user", content: "go" },
      { role: "assistant", content: [{ type: "thinking", thinking: "hm", signature: "" }, use("toolu_1")] },
      { role: "user", content: [result("toolu_1", { content: "r" })] },
    ],
    tools: [{ name: "f", input_schema: { type: "object" } }],
  });
  assert.deepEqual(sent.messages[1], {
    role: "assistant",
    content: null,
    tool_calls: [{ id: "toolu_1", type: "function", function: { name: "f", arguments: "{}" } }],
  });
});

test("a long tool name has an alias upstream and its own name in the answer and the history (case 17)", () => {
  const name = `mcp__${"x".repeat(85)}`;
  const { sent, run } = convert({
    tools: [{ name, input_schema: { type: "object" } }],
    tool_choice: { type: "tool", name },
    messages: [
      { role: "user", content: "go" },
      { role: "assistant", content: [use("a", name)] },
      { role: "user", content: [result("a")] },
    ],
  });
  const alias = sent.tools[0].function.name;
  assert.match(alias, /^[A-Za-z0-9_-]{64}$/);
  assert.equal(sent.tool_choice.function.name, alias);
  assert.equal(sent.messages[1].tool_calls[0].function.name, alias);
  const answer = run.answerBody({
    id: "chatcmpl-1",
    choices: [
      { index: 0, message: { tool_calls: [{ id: "b", function: { name: alias, arguments: "{}" } }] } },
    ],
  });
  assert.equal(answer.content[0].name, name);
  assert.equal(answer.stop_reason, "tool_use");
});

test("images of a tool result follow in a user message, errors are marked (cases 24, 25, 29)", () => {
  const png = { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } };
  const { sent } = convert({
    messages: [
      { role: "user", content: "go" },
      { role: "assistant", content: [use("a"), use("b"), use("c")] },
      {
        role: "user",
        content: [
          result("a", { content: [{ type: "text", text: "t" }, png] }),
          result("b", { content: "bad", is_error: true }),
          result("c"),
        ],
      },
    ],
    tools: [{ name: "f", input_schema: { type: "object" } }],
  });
  assert.equal(sent.messages[2].content, "t\n[see image below]");
  assert.equal(sent.messages[3].content, "[tool error] bad");
  assert.equal(sent.messages[4].content, "");
  assert.equal(sent.messages[5].content[0].image_url.url, "data:image/png;base64,iVBORw0KGgo=");
  assert.ok(sent.tools.every((tool: { type: string }) => tool.type === "function"));
});

test("Claude Code's identity becomes a hash and a cache key, its billing header goes (case 34)", () => {
  const user_id = JSON.stringify({ device_id: "d".repeat(64), account_uuid: "", session_id: "sess-1" });
  const { sent } = convert({
    metadata: { user_id },
    system: [
      { type: "text", text: "x-anthropic-billing-header: cc_version=1" },
      { type: "text", text: "You are Claude", cache_control: { type: "ephemeral" } },
    ],
  });
  assert.match(sent.safety_identifier, /^[0-9a-f]{64}$/);
  assert.equal(sent.prompt_cache_key, "sess-1");
  assert.deepEqual(sent.messages[0], { role: "system", content: [{ type: "text", text: "You are Claude" }] });
});

test("deferred tools and tool references become plain ones (case 89)", () => {
  const { sent } = convert({
    tools: [
      { name: "f", input_schema: { type: "object" }, defer_loading: true, eager_input_streaming: true },
      { type: "bash_20250124", name: "bash" },
      { type: "web_search_20250305", name: "web_search" },
    ],
    messages: [
      { role: "user", content: "go" },
      { role: "assistant", content: [use("a")] },
      { role: "user", content: [result("a", { content: [{ type: "tool_reference", tool_name: "f" }] })] },
    ],
  });
  assert.deepEqual(Object.keys(sent.tools[0].function), ["name", "parameters"]);
  assert.equal(sent.tools[1].function.parameters.properties.command.type, "string");
  assert.equal(sent.tools.length, 2);
  assert.equal(sent.messages[2].content, "tool f is now available");
});

test("thinking goes back to DeepSeek, is off where it is not known, and to nobody else (case 87)", () => {
  const round = (thinking: unknown[]) => ({
    messages: [
      { role: "user", content: "go" },
      { role: "assistant", content: [...thinking, use("a")] },
      { role: "user", content: [result("a", { content: "r" })] },
    ],
    tools: [{ name: "f", input_schema: { type: "object" } }],
  });
  const known = round([{ type: "thinking", thinking: "deep", signature: "slc1.e30" }]);
  assert.equal(convert(known, { dialect: "deepseek" }).sent.messages[1].reasoning_content, "deep");
  const unknown = convert(round([]), { dialect: "deepseek" });
  assert.deepEqual(unknown.sent.thinking, { type: "disabled" });
  assert.ok(unknown.warnings.includes("thinking_off:thinking"));
  assert.equal(convert(round([]), { dialect: "kimi" }).sent.messages[1].reasoning_content, ".");
  assert.ok(
    !convert(known, { dialect: "groq" })
      .run.requestText({ max_tokens: 5, ...known })
      .includes("deep"),
  );
});

test("gpt-5.6 with tools on Chat Completions alone loses its reasoning (case 86)", () => {
  const tools = [{ name: "f", input_schema: { type: "object" } }];
  const { sent, warnings } = convert({ tools }, { model: "gpt-5.6" });
  assert.equal(sent.reasoning_effort, "none");
  assert.deepEqual(warnings, ["reasoning_off:reasoning_effort"]);
  assert.equal(convert({}, { model: "gpt-5.6" }).sent.reasoning_effort, undefined);
});

test("what only Anthropic's own API knows is refused with its name", () => {
  for (const [param, value] of [
    ["container", "c"],
    ["mcp_servers", [{ type: "url" }]],
  ] as const) {
    assert.throws(
      () => convert({ [param]: value }),
      (error: unknown) => error instanceof Failure && error.status === 400 && error.param === param,
    );
  }
  assert.doesNotThrow(() => convert({ context_management: { edits: [] }, mcp_servers: [] }));
  assert.throws(() => convert({ tools: [{ type: "computer_20250124", name: "computer" }] }), /no equivalent/);
});

test("an unknown host gets baseline members and the limit by its old name; usage is asked for all the same", () => {
  const { sent } = convert(
    { stream: true, temperature: 0.5, top_k: 5, metadata: { user_id: "u" } },
    { dialect: "unknown" },
  );
  assert.deepEqual(Object.keys(sent).sort(), [
    "max_tokens",
    "messages",
    "model",
    "stream",
    "stream_options",
    "temperature",
  ]);
  const closed = convert({ stream: true }, { dialect: "baseline" }).sent;
  assert.equal(closed.stream_options, undefined);
});

test("errors have Anthropic's statuses, types and the words Claude Code knows", () => {
  const encode = (kind: ConstructorParameters<typeof Failure>[0], message: string, details = {}) => {
    const answer = anthropic.encodeError(new Failure(kind, message, { code: "x", ...details }), "req-1");
    return { ...answer, body: JSON.parse(answer.body) };
  };
  const long = encode(
    "context_too_long",
    "This model's maximum context length is 8192 tokens, you sent 9000",
  );
  assert.equal(long.body.error.message, "prompt is too long: 9000 tokens > 8192 maximum");
  assert.deepEqual([long.status, long.body.request_id], [400, "req-1"]);
  assert.deepEqual(
    [encode("overloaded", "x").status, encode("overloaded", "x").body.error.type],
    [529, "overloaded_error"],
  );
  assert.equal(encode("quota", "x").status, 402);
  const limited = encode("rate_limit", "x", { retryAfterMs: 6500 });
  assert.deepEqual(limited.headers, ["retry-after", "7", "retry-after-ms", "6500"]);
  const slow = encode("rate_limit", "x", { retryAfterMs: 90_000 });
  assert.ok(slow.headers.join(" ").includes("x-should-retry false"));
});

test("errors are read from their own shape, from HTML and from nothing (case 73)", () => {
  const own = anthropic.decodeError(
    529,
    '{"type":"error","error":{"type":"overloaded_error","message":"busy"}}',
  );
  assert.deepEqual([own.code, own.message, own.recognised], ["overloaded_error", "busy", true]);
  const page = anthropic.decodeError(
    502,
    `<html><style>a{}</style><h1>502</h1> Bad ${"x".repeat(500)}</html>`,
  );
  assert.equal(page.recognised, false);
  assert.match(page.message, /^502 Bad x+$/);
  assert.equal(page.message.length, 300);
  assert.equal(anthropic.decodeError(500, "").message, "status 500 without a message");
  const listed = openaiChat.decodeError(
    400,
    '[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]',
  );
  assert.deepEqual([listed.message, listed.code, listed.recognised], ["bad", "invalid_argument", true]);
});
