import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv } from "ajv";
import { anthropic } from "../../src/protocols/anthropic/anthropic.ts";
import { cohere, cohereV1 } from "../../src/protocols/cohere/cohere.ts";
import { gemini } from "../../src/protocols/gemini/gemini.ts";
import { cohereRequestSchema, cohereV1RequestSchema } from "./schemas/cohere.ts";
import { checkGeminiTurns, geminiRequestSchema } from "./schemas/gemini.ts";
import { Conversion, sseData } from "./support/conversion.ts";

const ajv = new Ajv({ allErrors: true, strict: false });
const GEMINI_3 = { model: "gemini-3-pro-preview" };
const TOOLS = [
  {
    name: "get_weather",
    description: "d",
    input_schema: { type: "object", properties: { q: { type: "string" } } },
  },
];

/** A step of Claude Code: thoughts, two calls, an error, a picture and what the user said on top of it. */
const STEP = {
  model: "claude-x",
  max_tokens: 32000,
  system: [
    { type: "text", text: "x-anthropic-billing-header: 1" },
    { type: "text", text: "be short", cache_control: { type: "ephemeral" } },
  ],
  thinking: { type: "adaptive" },
  output_config: { effort: "high" },
  tools: TOOLS,
  tool_choice: { type: "auto", disable_parallel_tool_use: false },
  metadata: { user_id: "u" },
  messages: [
    { role: "user", content: "weather?" },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "hm", signature: "" },
        { type: "text", text: "I look" },
        { type: "tool_use", id: "toolu_1", name: "get_weather", input: { q: "Oslo" } },
        { type: "tool_use", id: "toolu_2", name: "get_weather", input: {} },
      ],
    },
    {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "toolu_1", content: "no network", is_error: true },
        { type: "tool_result", tool_use_id: "toolu_2" },
        { type: "text", text: "go on" },
      ],
    },
  ],
};

test("25: Claude Code's step reaches Gemini: error as error, empty result as empty output, names and order", () => {
  const conversion = new Conversion(anthropic, gemini, GEMINI_3);
  const body = conversion.requestBody(STEP);
  // biome-ignore lint/suspicious/noExplicitAny: bodies of every shape
  const validate = ajv.compile<any>(geminiRequestSchema);
  assert.ok(validate(body), JSON.stringify(validate.errors?.slice(0, 3)));
  assert.equal(checkGeminiTurns(body), null);
  assert.deepEqual(body.systemInstruction, { parts: [{ text: "be short" }] });
  assert.deepEqual(body.contents[2].parts, [
    { functionResponse: { id: "toolu_1", name: "get_weather", response: { error: "no network" } } },
    { functionResponse: { id: "toolu_2", name: "get_weather", response: { output: "" } } },
    { text: "go on" },
  ]);
  assert.deepEqual(body.generationConfig.thinkingConfig, { includeThoughts: true, thinkingLevel: "HIGH" });
  // ai-sdk asks for 128000, more than Gemini gives; the member is mandatory, so that is no intent.
  const greedy = new Conversion(anthropic, gemini, GEMINI_3);
  assert.equal(greedy.requestBody({ ...STEP, max_tokens: 128_000 }).generationConfig.maxOutputTokens, 65536);
  assert.ok(!greedy.warnings.some((warning) => warning.includes("clamped")), greedy.warnings.join());
});

test("25: Claude Code's step reaches both versions of Cohere", () => {
  for (const [protocol, schema] of [
    [cohere, cohereRequestSchema],
    [cohereV1, cohereV1RequestSchema],
  ] as const) {
    // biome-ignore lint/suspicious/noExplicitAny: bodies of every shape
    const validate = ajv.compile<any>(schema);
    const body = new Conversion(anthropic, protocol, { model: "command-a" }).requestBody(STEP);
    assert.ok(validate(body), JSON.stringify([validate.errors?.slice(0, 3), body]));
  }
  const body = new Conversion(anthropic, cohere, { model: "command-a" }).requestBody(STEP);
  assert.deepEqual(
    body.messages.map((message: { role: string }) => message.role),
    ["system", "user", "assistant", "tool", "tool", "user"],
  );
  assert.equal(body.messages[2].tool_plan, "hm");
  assert.equal(body.messages[3].content, "[tool error] no network");
});

test("13: Gemini's call signature rides through Claude Code in a thinking block, streamed and whole", () => {
  const part = { functionCall: { name: "get_weather", args: { q: "Oslo" } }, thoughtSignature: "R29vZ2xl" };
  const chunk = {
    candidates: [{ content: { parts: [{ text: "hm", thought: true }, part] }, finishReason: "STOP" }],
  };
  const first = new Conversion(anthropic, gemini, GEMINI_3);
  first.requestBody({ ...STEP, messages: STEP.messages.slice(0, 1) });
  const whole = first.answerBody(chunk).content;
  const blocks: Record<string, unknown>[] = [];
  for (const event of sseData(first.streamText([chunk]))) {
    if (event.type === "content_block_start") blocks[event.index] = { ...event.content_block };
    const block = blocks[event.index];
    if (event.type !== "content_block_delta" || block === undefined) continue;
    if (event.delta.type === "thinking_delta") block.thinking = `${block.thinking}${event.delta.thinking}`;
    if (event.delta.type === "signature_delta") block.signature = event.delta.signature;
    if (event.delta.type === "input_json_delta")
      block.json = `${block.json ?? ""}${event.delta.partial_json}`;
  }
  const streamed = blocks.map(({ json, ...block }) =>
    json === undefined ? block : { ...block, input: JSON.parse(String(json)) },
  );
  for (const content of [whole, streamed]) {
    const { id } = content.find((block: { type: string }) => block.type === "tool_use");
    assert.ok(!String(id).includes("R29v"));
    const body = new Conversion(anthropic, gemini, GEMINI_3).requestBody({
      ...STEP,
      messages: [
        ...STEP.messages.slice(0, 1),
        { role: "assistant", content },
        { role: "user", content: [{ type: "tool_result", tool_use_id: id, content: "cold" }] },
      ],
    });
    assert.deepEqual(body.contents[1].parts.at(-1).thoughtSignature, "R29vZ2xl");
    assert.ok(!JSON.stringify(body).includes("slc1."));
  }
});

test("59: Gemini's signature on a last empty text comes to Claude Code without an empty text block, and goes back", () => {
  const first = new Conversion(anthropic, gemini, GEMINI_3);
  first.requestBody({ ...STEP, messages: STEP.messages.slice(0, 1) });
  const events = sseData(
    first.streamText([
      { candidates: [{ content: { parts: [{ text: "Hi" }] } }] },
      {
        candidates: [
          { content: { parts: [{ text: "", thoughtSignature: "R29vZ2xl" }] }, finishReason: "STOP" },
        ],
      },
    ]),
  );
  const starts = events
    .filter((event) => event.type === "content_block_start")
    .map((event) => event.content_block.type);
  assert.deepEqual(starts, ["text", "thinking"]);
  const signature = events.find((event) => event.delta?.type === "signature_delta").delta.signature;
  const body = new Conversion(anthropic, gemini, GEMINI_3).requestBody({
    ...STEP,
    messages: [
      ...STEP.messages.slice(0, 1),
      {
        role: "assistant",
        content: [
          { type: "text", text: "Hi" },
          { type: "thinking", thinking: "", signature },
        ],
      },
      { role: "user", content: "more" },
    ],
  });
  assert.deepEqual(body.contents[1].parts, [{ text: "Hi" }, { text: "", thoughtSignature: "R29vZ2xl" }]);
});

test("60: a prompt that Gemini blocked is a refusal with its reason for Claude Code", () => {
  const conversion = new Conversion(anthropic, gemini, GEMINI_3);
  conversion.requestBody({ ...STEP, messages: STEP.messages.slice(0, 1) });
  const answer = conversion.answerBody({
    promptFeedback: { blockReason: "SAFETY", blockReasonMessage: "too hot" },
  });
  assert.equal(answer.stop_reason, "refusal");
  assert.deepEqual(
    answer.content.map((block: { text: string }) => block.text),
    ["too hot"],
  );
});

test("a Claude thought rides through Gemini's and Cohere's clients where it can, and returns only to its own prefix", () => {
  const answer = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-x",
    content: [
      { type: "thinking", thinking: "hm", signature: "Q2xhdWRl" },
      { type: "text", text: "Hi" },
    ],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 3, output_tokens: 4 },
  };
  const first = new Conversion(gemini, anthropic, { model: "claude-x" });
  first.requestBody({ contents: [{ parts: [{ text: "x" }] }] });
  const { content } = first.answerBody(answer).candidates[0];
  const [carrier] = content.parts;
  assert.ok(carrier.thoughtSignature.startsWith("c2xjMS5l") && carrier.text === "");
  const history = {
    contents: [{ role: "user", parts: [{ text: "x" }] }, content, { role: "user", parts: [{ text: "y" }] }],
  };
  // The harness' prefix is not the true one: the block must go rather than be refused.
  const again = new Conversion(gemini, anthropic, { model: "claude-x" }).requestText(history);
  assert.ok(!again.includes("slc1.") && !again.includes("c2xjMS5l") && again.includes('"Hi"'));
  const v2 = new Conversion(cohere, anthropic, { model: "claude-x" });
  v2.requestBody({ model: "m", messages: [{ role: "user", content: "x" }] });
  assert.deepEqual(v2.answerBody(answer).message.content, [
    { type: "thinking", thinking: "hm" },
    { type: "text", text: "Hi" },
  ]);
});
