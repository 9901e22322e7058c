import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import type { StreamEvent } from "../../../src/protocols/neutral.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import { startAnswerServer } from "../support/answer-server.ts";
import { Conversion, sseData } from "../support/conversion.ts";

const chunk = (delta: unknown, finish: string | null = null, extra = {}) => ({
  id: "chatcmpl-up",
  object: "chat.completion.chunk",
  created: 1700000001,
  model: "up-model",
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...extra,
});

function conversion(body: Record<string, unknown> = {}, options = {}): Conversion {
  const run = new Conversion(openaiChat, openaiChat, { dialect: "openai", ...options });
  run.requestText({ model: "m", messages: [{ role: "user", content: "hi" }], ...body });
  return run;
}

/** What the official SDK makes of a stream's bytes. */
async function throughSdk(text: string, tools: OpenAI.ChatCompletionTool[] = []) {
  const server = await startAnswerServer(() => ({ contentType: "text/event-stream", body: text }));
  try {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", maxRetries: 0 });
    const stream = client.chat.completions.stream({
      model: "m",
      messages: [{ role: "user", content: "hi" }],
      ...(tools.length === 0 ? {} : { tools }),
    });
    return await stream.finalChatCompletion();
  } finally {
    await server.close();
  }
}

const strict = (name: string): OpenAI.ChatCompletionTool => ({
  type: "function",
  function: {
    name,
    strict: true,
    parameters: {
      type: "object",
      properties: { a: { type: "number" } },
      required: ["a"],
      additionalProperties: false,
    },
  },
});

test("text, reasoning and usage reach the SDK; one usage chunk, only when asked for (case 43)", async () => {
  const events = [
    { id: "x", model: "up-model", choices: [], prompt_filter_results: [] },
    chunk({ role: "assistant", content: "" }),
    chunk({ reasoning_content: "hm", content: null }),
    chunk({ content: "Hel" }),
    chunk({ content: "lo", tool_calls: [] }, "stop"),
    { ...chunk({}), choices: [], usage: { prompt_tokens: 5, completion_tokens: 2 } },
    "[DONE]",
  ];
  const silent = conversion({ stream: true }).streamText(events);
  assert.ok(sseData(silent).every((data) => data.choices.length === 1 && !("usage" in data)));
  const asked = conversion({ stream: true, stream_options: { include_usage: true } }).streamText(events);
  const data = sseData(asked);
  assert.equal(data.filter((each) => each.choices.length === 0).length, 1);
  assert.ok(data.slice(0, -1).every((each) => each.usage === null));
  assert.equal(data.at(-1).usage.total_tokens, 7);
  assert.ok(asked.endsWith("data: [DONE]\n\n"));
  assert.equal(data[0].choices[0].delta.role, "assistant");
  assert.equal(new Set(data.map((each) => each.id)).size, 1);
  const final = await throughSdk(asked);
  assert.equal(final.choices[0]?.message.content, "Hello");
  assert.equal(final.choices[0]?.finish_reason, "stop");
  assert.equal(final.usage?.prompt_tokens, 5);
});

test("interleaved parallel calls reach strict SDK parsing as two whole calls in turn (case 47)", async () => {
  const call = (index: number, rest: object) => chunk({ tool_calls: [{ index, ...rest }] });
  const text = conversion({ stream: true }).streamText([
    call(0, { id: "a", type: "function", function: { name: "f", arguments: "" } }),
    call(1, { id: "b", type: "function", function: { name: "g", arguments: '{"a"' } }),
    call(0, { function: { arguments: '{"a":' } }),
    call(1, { function: { arguments: ":2}" } }),
    call(0, { function: { arguments: "1}" } }),
    chunk({}, "tool_calls"),
    "[DONE]",
  ]);
  const final = await throughSdk(text, [strict("f"), strict("g")]);
  const calls = final.choices[0]?.message.tool_calls ?? [];
  assert.deepEqual(
    calls.map((each) => each.type === "function" && [each.function.name, each.function.arguments]),
    [
      ["f", '{"a":1}'],
      ["g", '{"a":2}'],
    ],
  );
  assert.equal(final.choices[0]?.finish_reason, "tool_calls");
});

test("finish words are settled by what was there (cases 50, 51)", () => {
  const finish = (events: unknown[]) => {
    const data = sseData(conversion({ stream: true }).streamText(events));
    return data.map((each) => each.choices[0]?.finish_reason).find((word) => word !== null);
  };
  const call = { tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: "{}" } }] };
  assert.equal(finish([chunk(call), chunk({}, "stop"), "[DONE]"]), "tool_calls");
  assert.equal(finish([chunk({ content: "x" }, "tool_calls"), "[DONE]"]), "stop");
  assert.equal(finish([chunk(call), chunk({}, "length"), "[DONE]"]), "length");
  assert.equal(finish([chunk({ content: "x" }), "[DONE]"]), "stop");
});

test("a stream cut before its end is an error without [DONE], an in-band error keeps its message", async () => {
  const cut = conversion({ stream: true }).streamText([chunk({ content: "x" })]);
  assert.ok(!cut.includes("[DONE]"));
  await assert.rejects(throughSdk(cut), /ended before the answer was complete/);
  const failed = conversion({ stream: true }).streamText([
    chunk({ content: "x" }),
    { error: { message: "boom", type: "server_error" } },
  ]);
  await assert.rejects(throughSdk(failed), /boom/);
});

test("servers that reuse index 0, send late names, objects or no index lose nothing", () => {
  const events: unknown[] = [
    chunk({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: '{"x":1}' } }] }),
    chunk({ tool_calls: [{ index: 0, id: "b", function: { arguments: '{"y"' } }] }),
    chunk({ tool_calls: [{ index: 0, id: "b", function: { name: "g", arguments: ":2}" } }] }),
    chunk({ tool_calls: [{ id: "c", function: { name: "h", arguments: { z: 3 } } }] }),
    chunk({}, "tool_calls"),
    "[DONE]",
  ];
  const decoded = conversion({ stream: true }).decodeStream(events);
  const text = (i: number) =>
    decoded
      .map((event: StreamEvent) => (event.type === "arguments" && event.i === i ? event.text : ""))
      .join("");
  const names = decoded.flatMap((event) =>
    event.type === "part" && event.kind === "call" ? [event.name] : [],
  );
  assert.deepEqual(names, ["f", "g", "h"]);
  assert.deepEqual([text(0), text(1), text(2)], ['{"x":1}', '{"y":2}', '{"z":3}']);
});
