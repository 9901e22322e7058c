/** Ollama's own API for callers, in front of a Chat upstream, and as an upstream itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Ollama } from "ollama";
import { Failure } from "../../../src/base/failure.ts";
import { applyEdits } from "../../../src/base/json-edit.ts";
import type { StreamEvent } from "../../../src/protocols/neutral.ts";
import { writePs, writeShow, writeTags, writeVersion } from "../../../src/protocols/ollama/models.ts";
import { ollama } from "../../../src/protocols/ollama/ollama.ts";
import { writeLoadAnswer } from "../../../src/protocols/ollama/response.ts";
import { isLoadRequest, plainModelName } from "../../../src/protocols/ollama/types.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import {
  CONTENT,
  ERROR,
  FINISH,
  MALFORMED,
  PING,
  REASONING,
  TERMINAL,
  TOOL_CALL,
} from "../../../src/protocols/protocol.ts";
import { seededRandom, seedOf } from "../../support/seed.ts";
import { startAnswerServer } from "../support/answer-server.ts";
import { Conversion } from "../support/conversion.ts";
import { createPlainLarge } from "../support/plain-large.ts";

const TOOL = {
  type: "function",
  function: { name: "weather", description: "w", parameters: { type: "object", properties: {} } },
};

const CHAT_STREAM = [
  { id: "c", model: "up", choices: [{ index: 0, delta: { role: "assistant", reasoning_content: "hm" } }] },
  { choices: [{ index: 0, delta: { content: "Hel" } }] },
  { choices: [{ index: 0, delta: { content: "lo" } }] },
  {
    choices: [
      {
        index: 0,
        delta: {
          tool_calls: [
            { index: 0, id: "x", type: "function", function: { name: "weather", arguments: '{"a":' } },
          ],
        },
      },
    ],
  },
  { choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: "1}" } }] } }] },
  { choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] },
  { choices: [], usage: { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 } },
  "[DONE]",
];

const CHAT_ANSWER = {
  id: "c",
  model: "up",
  choices: [
    {
      index: 0,
      finish_reason: "tool_calls",
      message: {
        role: "assistant",
        content: "Hello",
        reasoning_content: "hm",
        tool_calls: [{ id: "x", type: "function", function: { name: "weather", arguments: '{"a":1}' } }],
      },
    },
  ],
  usage: { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 },
};

/** A gateway for Ollama's callers in front of a Chat upstream. */
function startGateway() {
  return startAnswerServer(({ body }) => {
    const run = new Conversion(ollama, openaiChat, { answer: { elapsedMs: () => 20 } });
    run.requestText(body);
    if (run.request?.stream !== true) return { body: JSON.stringify(run.answerBody(CHAT_ANSWER)) };
    const text = ` ${run.streamText(CHAT_STREAM)}`;
    return { contentType: "application/x-ndjson", body: text.match(/[\s\S]{1,13}/g) ?? [] };
  });
}

test("the ollama package reads answers and streams: text, thinking, a whole call, the figures of the end", async (t) => {
  const server = await startGateway();
  t.after(server.close);
  const client = new Ollama({ host: server.url });
  const whole = await client.chat({
    model: "fast",
    messages: [{ role: "user", content: "hi" }],
    tools: [TOOL],
  });
  assert.equal(whole.message.content, "Hello");
  assert.equal(whole.message.thinking, "hm");
  assert.deepEqual(whole.message.tool_calls, [{ function: { name: "weather", arguments: { a: 1 } } }]);
  assert.equal(whole.done_reason, "stop");
  assert.equal(whole.prompt_eval_count, 11);
  const stream = await client.chat({
    model: "fast",
    messages: [{ role: "user", content: "hi" }],
    tools: [TOOL],
    stream: true,
  });
  let text = "";
  let thinking = "";
  const calls: unknown[] = [];
  let last: unknown;
  for await (const line of stream) {
    text += line.message.content;
    thinking += line.message.thinking ?? "";
    calls.push(...(line.message.tool_calls ?? []));
    last = line;
  }
  assert.equal(text, "Hello");
  assert.equal(thinking, "hm");
  assert.deepEqual(calls, [{ function: { name: "weather", arguments: { a: 1 } } }]);
  const { done, eval_count, total_duration } = last as {
    done: boolean;
    eval_count: number;
    total_duration: number;
  };
  assert.deepEqual([done, eval_count, total_duration], [true, 5, 20_000_000]);
});

test("generate answers in `response`, streamed and whole", async (t) => {
  const server = await startGateway();
  t.after(server.close);
  const client = new Ollama({ host: server.url });
  const whole = await client.generate({ model: "fast", prompt: "hi", system: "be kind" });
  assert.equal(whole.response, "Hello");
  let text = "";
  for await (const line of await client.generate({ model: "fast", prompt: "hi", stream: true }))
    text += line.response;
  assert.equal(text, "Hello");
});

test("the ollama package lists and shows models", async (t) => {
  const fast = {
    id: "fast",
    owner: "sluice",
    created: 1_790_000_000,
    kind: "chat",
    contextTokens: 1000,
    vision: true,
  } as const;
  const server = await startAnswerServer(({ path }) => ({
    body: path.endsWith("/tags")
      ? writeTags([fast])
      : path.endsWith("/ps")
        ? writePs([fast], 1_790_000_000)
        : path.endsWith("/version")
          ? writeVersion()
          : writeShow(fast),
  }));
  t.after(server.close);
  const client = new Ollama({ host: server.url });
  const { models } = await client.list();
  assert.equal(models[0]?.name, "fast");
  assert.equal(models[0]?.digest.length, 64);
  const shown = await client.show({ model: "fast" });
  assert.deepEqual(shown.capabilities, ["completion", "tools", "vision"]);
  assert.equal((shown.model_info as unknown as Record<string, unknown>)["sluice.context_length"], 1000);
  assert.equal((await client.ps()).models[0]?.name, "fast");
  assert.match((await client.version()).version, /^0\.\d+\.\d+$/);
});

test("a conversation with calls reaches a Chat upstream with ids that match by order", () => {
  const run = new Conversion(ollama, openaiChat, { dialect: "openai", model: "gpt-4o" });
  const sent = run.requestBody({
    model: "fast:latest",
    messages: [
      { role: "system", content: "sys" },
      { role: "user", content: "look", images: ["iVBORw0KGgo="] },
      {
        role: "assistant",
        content: "",
        tool_calls: [
          { function: { name: "weather", arguments: { big: 1 } } },
          { function: { name: "time", arguments: {} } },
          { function: { name: "weather", arguments: { n: 2 } } },
        ],
      },
      { role: "tool", tool_name: "time", content: "noon" },
      { role: "tool", tool_name: "weather", content: "sun" },
      { role: "tool", content: "rain" },
    ],
    tools: [TOOL],
    format: { type: "object" },
    options: { num_predict: 7, temperature: 0.5, num_ctx: 4096, stop: ["A", "B"], top_k: 3 },
    think: false,
    keep_alive: "5m",
  });
  assert.equal(run.request?.stream, true, "streaming is the default");
  const [system, user, assistant, ...tools] = sent.messages;
  assert.equal(system.role, "system");
  assert.equal(user.content[1].image_url.url, "data:image/png;base64,iVBORw0KGgo=");
  const ids = assistant.tool_calls.map((call: { id: string }) => call.id);
  assert.equal(new Set(ids).size, 3);
  assert.deepEqual(
    tools.map((message: { tool_call_id: string; content: string }) => [
      ids.indexOf(message.tool_call_id),
      message.content,
    ]),
    [
      [0, "sun"],
      [1, "noon"],
      [2, "rain"],
    ],
  );
  assert.equal(sent.max_completion_tokens, 7);
  assert.deepEqual(sent.stop, ["A", "B"]);
  assert.equal(JSON.stringify(sent).includes("num_ctx"), false);
  assert.equal(sent.response_format.type, "json_schema");
});

test("an Ollama upstream gets what it knows, its own options included", () => {
  const same = new Conversion(ollama, ollama);
  const body = {
    model: "m",
    messages: [{ role: "user", content: "x", images: ["iVBORw0KGgo="] }],
    stream: false,
    format: "json",
    options: { num_ctx: 4096, seed: 3 },
    keep_alive: -1,
    think: "high",
  };
  assert.deepEqual(same.requestBody(body), { ...body, model: "target-model" });
  const chat = new Conversion(openaiChat, ollama);
  const sent = chat.requestBody({
    model: "m",
    messages: [
      { role: "user", content: "x" },
      {
        role: "assistant",
        tool_calls: [
          { id: "c", type: "function", function: { name: "f", arguments: '{"n":9007199254740993}' } },
        ],
      },
      { role: "tool", tool_call_id: "c", content: "ok" },
    ],
    tools: [{ type: "function", function: { name: "f" } }],
    tool_choice: "required",
    max_tokens: 9,
    reasoning_effort: "minimal",
  });
  assert.ok(chat.warnings.includes("tool_choice:tool_choice"));
  assert.deepEqual(sent.messages[2], { role: "tool", content: "ok", tool_name: "f" });
  assert.equal(sent.think, "low");
  assert.deepEqual(sent.options, { num_predict: 9 });
  const text = chat.requestText({
    model: "m",
    messages: [
      { role: "user", content: "x" },
      {
        role: "assistant",
        tool_calls: [
          { id: "c", type: "function", function: { name: "f", arguments: '{"n":9007199254740993}' } },
        ],
      },
      { role: "tool", tool_call_id: "c", content: "ok" },
    ],
  });
  assert.ok(text.includes('"arguments":{"n":9007199254740993}'), "integers keep their digits");
});

test("an Ollama upstream's answers and streams reach a Chat caller", () => {
  const run = new Conversion(openaiChat, ollama);
  run.requestText({ model: "m", messages: [{ role: "user", content: "x" }] });
  const message = {
    role: "assistant",
    content: "Hi",
    thinking: "t",
    tool_calls: [{ function: { name: "f", arguments: { a: 1 } } }],
  };
  const end = {
    model: "q",
    created_at: "2026-01-01T00:00:00.5Z",
    done: true,
    done_reason: "stop",
    prompt_eval_count: 3,
    eval_count: 4,
  };
  const whole = run.answerBody({ ...end, message });
  assert.equal(whole.choices[0].message.content, "Hi");
  assert.equal(whole.choices[0].finish_reason, "tool_calls");
  assert.equal(whole.choices[0].message.tool_calls[0].function.arguments, '{"a":1}');
  assert.equal(whole.usage.total_tokens, 7);
  const events = run.decodeStream([
    { model: "q", message: { role: "assistant", content: "", thinking: "t" }, done: false },
    { message: { content: "H" }, done: false },
    { message: { content: "i" }, done: false },
    { ...end, done_reason: "length", message: { content: "" } },
  ]);
  assert.deepEqual(
    events.map((event) => event.type),
    ["start", "part", "think", "close", "part", "text", "text", "close", "usage", "stop", "end"],
  );
  const cut = run.decodeStream([{ message: { content: "H" }, done: false }]);
  assert.equal(cut[cut.length - 1]?.type, "error");
  const failed = run.decodeStream([
    { message: { content: "H" } },
    { error: "out of memory" },
    { message: { content: "x" } },
  ]);
  const last = failed[failed.length - 1];
  assert.ok(last?.type === "error" && last.error.message === "out of memory");
});

test("errors are an object with one text, in a body and as the last line", async (t) => {
  const failure = new Failure("not_found", "model 'x' not found", { code: "model_not_found" });
  const answer = ollama.encodeError(failure, "id");
  assert.equal(answer.status, 404);
  const server = await startAnswerServer(({ path }) =>
    path.endsWith("chat")
      ? { status: answer.status, body: answer.body }
      : {
          contentType: "application/x-ndjson",
          body: `{"response":"a","done":false}\n ${ollama.encodeStreamError(failure, null)}`,
        },
  );
  t.after(server.close);
  const client = new Ollama({ host: server.url });
  await assert.rejects(client.chat({ model: "x", messages: [] }), /model 'x' not found/);
  await assert.rejects(async () => {
    for await (const _ of await client.generate({ model: "x", prompt: "p", stream: true }));
  }, /model 'x' not found/);
  assert.equal(ollama.decodeError(404, answer.body).message, "model 'x' not found");
  assert.equal(ollama.decodeError(502, "<html><b>Bad gateway</b></html>").recognised, false);
});

test("an empty prompt is a load request, answered at once", () => {
  const load = (body: object) =>
    isLoadRequest(new Conversion(ollama, openaiChat).decodeRequest(body).request);
  assert.equal(load({ model: "m", prompt: "" }), true);
  assert.equal(load({ model: "m" }), true);
  assert.equal(load({ model: "m", messages: [] }), true);
  assert.equal(load({ model: "m", prompt: "x" }), false);
  assert.equal(load({ model: "m", prompt: "", system: "s" }), true);
  assert.equal(load({ model: "m", messages: [{ role: "system", content: "s" }] }), false);
  const answer = JSON.parse(writeLoadAnswer("m", "generate", 0));
  assert.deepEqual([answer.done, answer.done_reason, answer.response], [true, "load", ""]);
  assert.equal(plainModelName("fast:latest"), "fast");
  assert.equal(plainModelName("vendor/x:free"), "vendor/x:free");
});

test("bodies that are wrong are 400s that name the member", () => {
  for (const [body, param] of [
    [{ messages: [{ content: "x" }] }, "messages[0].role"],
    [{ messages: [{ role: "robot", content: "x" }] }, "messages[0].role"],
    [{ messages: [{ role: "user", content: "x", images: [5] }] }, "messages[0].images[0]"],
    [{ messages: [], tools: [{ type: "function" }] }, "tools[0].function"],
    [{ prompt: "x", format: "yaml" }, "format"],
  ] as const) {
    assert.throws(
      () => new Conversion(ollama, openaiChat).decodeRequest(body),
      (error) => error instanceof Failure && error.status === 400 && error.param === param,
      param,
    );
  }
});

test("the inspector tells the lines of a relayed stream apart by bytes", () => {
  const inspector = ollama.createInspector({ keepText: 1000 });
  const flags = (line: string) => {
    const bytes = Buffer.from(`##${line}`);
    return inspector.inspect(bytes, 2, bytes.length);
  };
  assert.equal(
    flags(
      '{"model":"q","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":""},"done":false}',
    ),
    0,
  );
  assert.equal(flags('{"message":{"content":"","thinking":"t"},"done":false}'), CONTENT | REASONING);
  assert.equal(flags(' {"message":{"content":"a\\"b"},"done":false}\n'), CONTENT);
  assert.equal(flags("  "), PING);
  assert.equal(flags("nonsense"), MALFORMED);
  assert.equal(flags('{"message":{"content":"x"'), MALFORMED);
  assert.equal(inspector.text?.toString(), 'a\\"b');
  assert.equal(flags('{"response":"z","done":false}'), CONTENT);
  assert.equal(
    flags('{"message":{"content":"","tool_calls":[{"function":{}}]},"done":false}'),
    CONTENT | TOOL_CALL,
  );
  assert.equal(inspector.text, null);
  assert.equal(
    flags(
      '{"message":{"content":""},"done":true,"done_reason":"length","prompt_eval_count":2,"eval_count":3}',
    ),
    FINISH | TERMINAL,
  );
  assert.deepEqual(
    [inspector.usage?.input, inspector.usage?.output, inspector.stop?.reason],
    [2, 3, "length"],
  );
  assert.equal(flags('{"error":"boom"}'), ERROR);
  assert.equal(inspector.error?.message, "boom");
  assert.equal(inspector.model, "q");
});

test("a relayed body changes in the model's name only", () => {
  const text = '{ "model" : "fast:latest","messages":[],"options":{"num_ctx":123456789012345678901} }';
  const bytes = Buffer.from(text);
  const context = new Conversion(ollama, ollama).convertContext(createPlainLarge());
  const edited = Buffer.concat(applyEdits(bytes, ollama.passThroughEdits(bytes, context))).toString();
  assert.equal(edited, text.replace("fast:latest", "target-model"));
});

test("69. whatever neutral events come, every line is an object and the last one ends the answer or says why not", () => {
  const seed = seedOf(41);
  const random = seededRandom(seed);
  const pick = <T>(list: readonly [T, ...T[]]): T => list[Math.floor(random() * list.length)] ?? list[0];
  for (let round = 0; round < 300; round++) {
    const run = new Conversion(ollama, openaiChat);
    run.requestText({ model: "m", messages: [{ role: "user", content: "x" }] });
    const encoder = ollama.createEncoder(run.answerContext());
    const events: StreamEvent[] = [];
    for (let n = Math.floor(random() * 20); n > 0; n--) {
      const i = Math.floor(random() * 3);
      events.push(
        pick<StreamEvent>([
          { type: "start", id: "a", model: "m", created: 3 },
          { type: "part", c: 0, i, kind: pick(["text", "thinking", "refusal"] as const) },
          { type: "part", c: 0, i, kind: "call", id: "", name: "f", custom: random() < 0.3 },
          { type: "text", c: 0, i, text: pick(["a", "", "\n"]) },
          { type: "think", c: 0, i, text: "t" },
          { type: "arguments", c: 0, i, text: pick(['{"a":', "1}", "{}", ""]) },
          { type: "close", c: 0, i },
          { type: "ping" },
        ]),
      );
    }
    events.push(
      { type: "stop", c: 0, stop: { reason: pick(["stop", "length", "filtered"] as const) } },
      { type: "end" },
    );
    const text = events.map((event) => encoder.ping() + encoder.encode(event)).join("");
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    const parsed = lines.map((line) => JSON.parse(line) as { done?: boolean; error?: string });
    const last = parsed[parsed.length - 1];
    assert.ok(last?.done === true || last?.error !== undefined, `SEED=${seed} round ${round}: ${text}`);
    assert.equal(
      parsed.slice(0, -1).some((line) => line.done === true || line.error !== undefined),
      false,
      text,
    );
  }
});

test("decoders end on any garbage without throwing", () => {
  const seed = seedOf(77);
  const random = seededRandom(seed);
  const valid = JSON.stringify({
    model: "q",
    message: { content: "a", thinking: "b", tool_calls: [{ function: { name: "f", arguments: {} } }] },
    done: false,
  });
  for (let round = 0; round < 500; round++) {
    const run = new Conversion(ollama, ollama);
    const text = [...valid]
      .map((character) => (random() < 0.05 ? String.fromCharCode(32 + random() * 90) : character))
      .join("");
    const events = run.decodeStream([text, pickJunk(random)]);
    const last = events[events.length - 1];
    assert.ok(last?.type === "end" || last?.type === "error", `SEED=${seed} round ${round}`);
  }
});

function pickJunk(random: () => number): string {
  const junk = [
    "null",
    "[]",
    "5",
    '{"message":5}',
    '{"message":{"tool_calls":[5,{"function":7}]}}',
    '{"done":true}',
    '{"error":{}}',
    "{",
  ];
  return junk[Math.floor(random() * junk.length)] ?? "";
}
