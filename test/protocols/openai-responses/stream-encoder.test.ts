/** The Responses stream as openai's `.stream()`, ai-sdk and Codex's rules read it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAI } from "@ai-sdk/openai";
import { jsonSchema, streamText, tool } from "ai";
import OpenAI from "openai";
import { Failure } from "../../../src/base/failure.ts";
import type { StreamEvent } from "../../../src/protocols/neutral.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/openai-responses.ts";
import { seededRandom, seedOf } from "../../support/seed.ts";
import {
  BODY,
  checkGrammar,
  conversion,
  encode,
  ended,
  finalResponse,
  startStream,
  THOUGHT_TEXT_CALL,
  USAGE,
} from "./support.ts";

test("66. created first, consecutive numbers, every item whole on its done, the terminal response the sum", () => {
  const response = finalResponse(encode(THOUGHT_TEXT_CALL));
  assert.deepEqual(
    response.output.map((item) => item.type),
    ["reasoning", "message", "function_call", "function_call"],
  );
  assert.equal((response as { store?: boolean }).store, false);
  assert.equal(response.usage?.total_tokens, 21);
  assert.deepEqual(response.usage?.input_tokens_details, { cached_tokens: 4, cache_write_tokens: 0 });
  assert.equal(response.usage?.output_tokens_details.reasoning_tokens, 5);
  assert.equal(response.model, "claude-x");
  for (const name of [
    "error",
    "incomplete_details",
    "instructions",
    "metadata",
    "parallel_tool_calls",
    "temperature",
  ])
    assert.ok(name in response, name);
  assert.equal(response.tools.length, 3);
});

test("66. openai's .stream() collects text, reasoning and calls", async (t) => {
  const server = await startStream(encode(THOUGHT_TEXT_CALL));
  t.after(server.close);
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", maxRetries: 0 });
  const seen: string[] = [];
  const stream = client.responses.stream({ model: "fast", input: "hi" });
  stream.on("response.output_text.delta", (event) => seen.push(event.delta));
  const final = await stream.finalResponse();
  assert.equal(final.output_text, 'Hello\n"you" 😀');
  assert.equal(seen.join(""), 'Hello\n"you" 😀');
  const [reasoning, message, first, second] = final.output;
  assert.ok(reasoning?.type === "reasoning" && reasoning.summary[0]?.text === "let me think");
  assert.match(reasoning.encrypted_content ?? "", /^slc1\./);
  assert.ok(message?.type === "message" && message.content[0]?.type === "output_text");
  assert.deepEqual(message.content[0].annotations, [
    { type: "url_citation", url: "https://x.example/", title: "X", start_index: 0, end_index: 5 },
  ]);
  assert.ok(
    first?.type === "function_call" && first.arguments === '{"city":"Graz"}' && first.call_id === "call_1",
  );
  assert.ok(second?.type === "function_call");
  assert.deepEqual(JSON.parse(second.arguments), {}, "49. a call without arguments parses");
});

test("98. ai-sdk's OpenAI provider gets text, reasoning and the calls", async (t) => {
  const server = await startStream(encode(THOUGHT_TEXT_CALL));
  t.after(server.close);
  const openai = createOpenAI({ baseURL: `${server.url}/v1`, apiKey: "k" });
  const result = streamText({
    model: openai("fast"),
    prompt: "hi",
    tools: { weather: tool({ inputSchema: jsonSchema<{ city?: string }>({ type: "object" }) }) },
  });
  let text = "";
  let reasoning = "";
  const calls: unknown[] = [];
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") text += part.text;
    else if (part.type === "reasoning-delta") reasoning += part.text;
    else if (part.type === "tool-call") calls.push(part.input);
    else if (part.type === "error") throw part.error;
  }
  assert.equal(text, 'Hello\n"you" 😀');
  assert.equal(reasoning, "let me think");
  assert.deepEqual(calls, [{ city: "Graz" }, {}]);
  assert.equal((await result.usage).inputTokens, 12);
  assert.equal(await result.finishReason, "tool-calls");
});

test("19. a custom tool's call streams as custom_tool_call_input, a grouped tool's keeps its namespace", () => {
  const run = conversion();
  run.names.tools.set("patch", { name: "patch", custom: true });
  run.names.tools.set("agents__spawn", { name: "spawn", namespace: "agents" });
  const text = run.encodeStream([
    { type: "start", id: "x", model: "m", created: 5 },
    { type: "part", c: 0, i: 0, kind: "call", id: "call_9", name: "patch", custom: false },
    { type: "arguments", c: 0, i: 0, text: '{"input":"*** Begin\\nPa' },
    { type: "arguments", c: 0, i: 0, text: 'tch"}' },
    { type: "close", c: 0, i: 0 },
    { type: "part", c: 0, i: 1, kind: "call", id: "call_10", name: "agents__spawn", custom: false },
    { type: "arguments", c: 0, i: 1, text: "{}" },
    { type: "close", c: 0, i: 1 },
    ...ended(),
  ]);
  const deltas = checkGrammar(text).flatMap((event) =>
    event.type === "response.custom_tool_call_input.delta" ? [event.delta] : [],
  );
  assert.equal(deltas.join(""), "*** Begin\nPatch");
  const [patch, spawn] = finalResponse(text).output;
  assert.ok(
    patch?.type === "custom_tool_call" && patch.input === "*** Begin\nPatch" && patch.name === "patch",
  );
  assert.ok(spawn?.type === "function_call" && spawn.name === "spawn" && spawn.namespace === "agents");
});

test("a tool that the client runs comes back as its own kind of item", () => {
  const body = { ...BODY, tools: [{ type: "apply_patch" }, { type: "shell" }, { type: "local_shell" }] };
  const call = (i: number, name: string, text: string): StreamEvent[] => [
    { type: "part", c: 0, i, kind: "call", id: `call_${i}`, name, custom: false },
    { type: "arguments", c: 0, i, text },
    { type: "close", c: 0, i },
  ];
  const events: StreamEvent[] = [
    { type: "start", id: "x", model: "m", created: 5 },
    ...call(0, "apply_patch", '{"type":"delete_file","path":"a"}'),
    ...call(1, "shell", '{"commands":["ls"]}'),
    ...call(2, "local_shell", '{"command":["ls","-l"]}'),
    ...ended(),
  ];
  const [patch, shell, local] = finalResponse(encode(events, body)).output;
  assert.ok(patch?.type === "apply_patch_call");
  assert.deepEqual(patch.operation, { type: "delete_file", path: "a" });
  assert.ok(shell?.type === "shell_call");
  assert.deepEqual(shell.action, { commands: ["ls"] });
  assert.ok(local?.type === "local_shell_call");
  assert.deepEqual(local.action, { type: "exec", env: {}, command: ["ls", "-l"] });
});

test("a call's signature rides in a reasoning item before it", () => {
  const signature = { vendor: "google" as const, value: "abc" };
  const response = finalResponse(
    encode([
      { type: "start", id: "x", model: "m", created: 5 },
      { type: "part", c: 0, i: 0, kind: "call", id: "call_1", name: "weather", custom: false, signature },
      { type: "arguments", c: 0, i: 0, text: "{}" },
      { type: "close", c: 0, i: 0 },
      ...ended(),
    ]),
  );
  assert.deepEqual(
    response.output.map((item) => item.type),
    ["reasoning", "function_call"],
  );
});

test("a cut by length is incomplete, a filter too, with the reason", () => {
  for (const [reason, told] of [
    ["length", "max_output_tokens"],
    ["filtered", "content_filter"],
  ] as const) {
    const response = finalResponse(
      encode([
        { type: "start", id: "x", model: "m", created: 5 },
        { type: "text", c: 0, i: 0, text: "so far" },
        ...ended(reason),
      ]),
    );
    assert.equal(response.incomplete_details?.reason, told);
    assert.equal(response.status, "incomplete");
  }
});

test("100. a rate limit after the commit is response.failed, with the wait in words that Codex parses", async (t) => {
  const encoder = openaiResponses.createEncoder(conversion().answerContext());
  const failure = new Failure("rate_limit", "the provider is busy.", {
    code: "rate_limited",
    retryAfterMs: 6_400,
  });
  const text = encoder.fail(failure);
  const [created, failed] = checkGrammar(text);
  assert.equal(created?.type, "response.created");
  assert.ok(failed?.type === "response.failed");
  assert.equal(failed.response.error?.code, "rate_limit_exceeded");
  assert.equal(failed.response.error?.message, "the provider is busy. Please try again in 7 s.");
  assert.equal(
    encoder.encode({ type: "end" }) + encoder.ping() + encoder.fail(failure),
    "",
    "nothing follows",
  );
  const server = await startStream(text);
  t.after(server.close);
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "k", maxRetries: 0 });
  const final = await client.responses.stream({ model: "fast", input: "hi" }).finalResponse();
  assert.equal(final.status, "failed");
});

test("a stream that breaks off is failed, never completed", () => {
  const events = checkGrammar(
    encode([
      { type: "start", id: "x", model: "m", created: 5 },
      { type: "text", c: 0, i: 0, text: "so far" },
      { type: "end" },
    ]),
  );
  assert.equal(events[events.length - 1]?.type, "response.failed");
});

test("an answer too long to be repeated at its end fails in-band instead of filling the memory", () => {
  const encoder = openaiResponses.createEncoder(conversion().answerContext());
  const megabyte = "x".repeat(1024 * 1024);
  let text = "";
  for (let n = 0; n < 40 && !text.includes("response.failed"); n++) {
    text = encoder.encode({ type: "text", c: 0, i: 0, text: megabyte });
  }
  assert.ok(text.includes("response.failed"));
  assert.equal(encoder.encode({ type: "text", c: 0, i: 0, text: "more" }), "");
});

test("69. whatever neutral events come, the stream keeps the grammar", () => {
  const seed = seedOf(20261125);
  const random = seededRandom(seed);
  const pick = <T>(list: readonly [T, ...T[]]): T => list[Math.floor(random() * list.length)] ?? list[0];
  for (let round = 0; round < 400; round++) {
    const events: StreamEvent[] = [];
    const length = Math.floor(random() * 25);
    for (let n = 0; n < length; n++) {
      const i = Math.floor(random() * 4);
      const c = random() < 0.9 ? 0 : 1;
      events.push(
        pick<StreamEvent>([
          { type: "start", id: pick(["", "resp_a", "b"]), model: "m", created: 3 },
          { type: "part", c, i, kind: pick(["text", "thinking", "refusal"] as const) },
          {
            type: "part",
            c,
            i,
            kind: "call",
            id: pick(["", "call_0"]),
            name: "weather",
            custom: random() < 0.3,
          },
          {
            type: "part",
            c,
            i,
            kind: "opaque",
            vendor: "openai",
            raw: `{"type":"web_search_call","id":"ws_${n}"}`,
          },
          { type: "part", c, i, kind: "image", mime: "image/png", data: "AA==" },
          { type: "text", c, i, text: pick(["a", "", "\n\n", "event: x"]) },
          { type: "think", c, i, text: pick(["t", ""]) },
          { type: "refusal", c, i, text: "no" },
          { type: "arguments", c, i, text: pick(['{"a":', "1}", "{}", ""]) },
          { type: "signature", c, i, signature: { vendor: "google", value: "s" } },
          { type: "cite", c, i, citation: { start: -1, end: -1, url: "u", title: "t" } },
          { type: "logprobs", c, i, raw: '{"content":[{"token":"a","logprob":-1}],"refusal":null}' },
          { type: "close", c, i },
          { type: "usage", usage: USAGE },
          { type: "ping" },
        ]),
      );
    }
    if (random() < 0.8) events.push(...ended(pick(["stop", "length", "filtered"] as const)));
    try {
      checkGrammar(encode(events) || encode(ended()));
    } catch (error) {
      throw new Error(`SEED=${seed} round ${round}: ${JSON.stringify(events)}`, { cause: error });
    }
  }
});
