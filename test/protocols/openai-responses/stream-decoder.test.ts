/** Streams of a Responses upstream: what other callers see of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type EventSink, EventSplitter, parseSseFields, type SseFields } from "../../../src/base/sse.ts";
import { AnswerAssembler } from "../../../src/protocols/answer-assembly.ts";
import type { StreamEvent } from "../../../src/protocols/neutral.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/openai-responses.ts";
import { seededRandom, seedOf } from "../../support/seed.ts";
import { Conversion, sseData } from "../support/conversion.ts";
import { createPlainLarge } from "../support/plain-large.ts";
import { encode, THOUGHT_TEXT_CALL } from "./support.ts";

const ASK = { model: "m", messages: [{ role: "user", content: "hi" }] };
const CREATED = { type: "response.created", response: { id: "resp_1", model: "gpt-x", created_at: 5 } };
const USAGE = { input_tokens: 3, output_tokens: 9, output_tokens_details: { reasoning_tokens: 9 } };

function decode(events: readonly unknown[]): StreamEvent[] {
  const run = new Conversion(openaiChat, openaiResponses);
  run.requestText(ASK);
  return run.decodeStream(events);
}

function chatText(events: readonly unknown[], body: object = { ...ASK, stream: true }): string {
  const run = new Conversion(openaiChat, openaiResponses);
  run.requestText(body);
  return run.streamText(events);
}

test("48. arguments that come on `done` only are passed once", () => {
  const item = { type: "function_call", id: "fc_1", call_id: "c1", name: "f", arguments: "" };
  for (const tail of [
    [
      {
        type: "response.function_call_arguments.done",
        output_index: 0,
        item_id: "fc_1",
        arguments: '{"a":1}',
      },
    ],
    [],
  ]) {
    const events = decode([
      CREATED,
      { type: "response.output_item.added", output_index: 0, item },
      ...tail,
      { type: "response.output_item.done", output_index: 0, item: { ...item, arguments: '{"a":1}' } },
      { type: "response.completed", response: { status: "completed", usage: USAGE, output: [] } },
    ]);
    const texts = events.flatMap((event) => (event.type === "arguments" ? [event.text] : []));
    assert.deepEqual(texts, ['{"a":1}']);
    const stop = events.find((event) => event.type === "stop");
    assert.deepEqual(stop?.type === "stop" && stop.stop, { reason: "tool_call" });
  }
});

test("54. only reasoning until the limit: empty content, finish length, usage", () => {
  const events = [
    CREATED,
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { type: "reasoning", id: "rs_1", summary: [] },
    },
    {
      type: "response.output_item.done",
      output_index: 0,
      item: { type: "reasoning", id: "rs_1", summary: [] },
    },
    {
      type: "response.incomplete",
      response: {
        status: "incomplete",
        incomplete_details: { reason: "max_output_tokens" },
        usage: USAGE,
        output: [],
      },
    },
  ];
  const chunks = sseData(chatText(events, { ...ASK, stream: true, stream_options: { include_usage: true } }));
  const finish = chunks.find((chunk) => chunk.choices[0]?.finish_reason != null);
  assert.equal(finish.choices[0].finish_reason, "length");
  assert.equal(chunks[chunks.length - 1].usage.completion_tokens, 9);
  const run = new Conversion(openaiChat, openaiResponses);
  run.requestText(ASK);
  const answer = run.answerBody({
    id: "resp_1",
    model: "gpt-x",
    status: "incomplete",
    incomplete_details: { reason: "max_output_tokens" },
    output: [{ type: "reasoning", id: "rs_1", summary: [] }],
    usage: USAGE,
  });
  assert.equal(answer.choices[0].finish_reason, "length");
  assert.equal(answer.usage.completion_tokens_details.reasoning_tokens, 9);
});

test("a reasoning item's encrypted content and id are kept as a signature, paragraphs of a summary are joined", () => {
  const item = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "ENC" };
  const events = decode([
    CREATED,
    { type: "response.output_item.added", output_index: 0, item },
    { type: "response.reasoning_summary_part.added", output_index: 0, summary_index: 0 },
    { type: "response.reasoning_summary_text.delta", output_index: 0, summary_index: 0, delta: "one" },
    { type: "response.reasoning_summary_part.added", output_index: 0, summary_index: 1 },
    { type: "response.reasoning_summary_text.delta", output_index: 0, summary_index: 1, delta: "two" },
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response: {} },
  ]);
  assert.equal(
    events.flatMap((event) => (event.type === "think" ? [event.text] : [])).join(""),
    "one\n\ntwo",
  );
  const signature = events.find((event) => event.type === "signature");
  assert.deepEqual(signature?.type === "signature" && signature.signature, {
    vendor: "openai",
    value: "ENC",
    id: "rs_1",
  });
});

test("a server that streams nothing but the end is read from its response object", () => {
  const output = [
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "Hi", annotations: [] }] },
    { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
  ];
  const events = decode([
    { type: "response.completed", response: { id: "resp_9", model: "x", output, usage: USAGE } },
  ]);
  const assembler = new AnswerAssembler();
  for (const event of events) assembler.push(event);
  assert.deepEqual(
    assembler.result().candidates[0]?.parts.map((part) => part.type),
    ["text", "call"],
  );
});

test("errors end the stream: flat, nested, failed responses, and a body that just ends", () => {
  const flat = decode([
    CREATED,
    { type: "error", code: "rate_limit_exceeded", message: "Please try again in 1.5s" },
  ]);
  const last = flat[flat.length - 1];
  assert.ok(last?.type === "error" && last.error.status === 429 && last.error.retryAfterMs === 1500);
  const nested = decode([{ error: { message: "boom", code: "server_error" } }]);
  assert.ok(nested[nested.length - 1]?.type === "error");
  const failed = decode([
    CREATED,
    { type: "response.failed", response: { error: { code: "server_error", message: "no" } } },
  ]);
  const end = failed[failed.length - 1];
  assert.ok(end?.type === "error" && end.error.message === "no");
  const cut = decode([CREATED, { type: "response.output_text.delta", output_index: 0, delta: "x" }]);
  const truncated = cut[cut.length - 1];
  assert.ok(truncated?.type === "error" && truncated.error.code === "truncated");
  assert.equal(
    chatText([CREATED, { type: "response.output_text.delta", output_index: 0, delta: "x" }]).includes(
      "[DONE]",
    ),
    false,
  );
});

test("hosted tools' items and events of later versions pass without harm", () => {
  const search = { type: "web_search_call", id: "ws_1", status: "completed" };
  const events = decode([
    CREATED,
    { type: "response.output_item.added", output_index: 0, item: search },
    { type: "response.web_search_call.searching", output_index: 0 },
    { type: "response.output_item.done", output_index: 0, item: search },
    { type: "response.brand_new.thing", output_index: 1 },
    { type: "response.output_text.delta", output_index: 1, content_index: 0, delta: "found" },
    {
      type: "response.output_text.annotation.added",
      output_index: 1,
      content_index: 0,
      annotation: {
        type: "url_citation",
        url: "https://x.example/",
        title: "X",
        start_index: 0,
        end_index: 5,
      },
    },
    { type: "response.completed", response: { usage: USAGE } },
  ]);
  assert.deepEqual(
    events.map((event) => event.type),
    ["start", "part", "close", "part", "text", "cite", "usage", "stop", "end"],
  );
});

/** Splits wire text into events as the relay does, fed in pieces. */
function decodeWire(bytes: Buffer, sizes: () => number): StreamEvent[] {
  const run = new Conversion(openaiChat, openaiResponses);
  run.requestText(ASK);
  const decoder = openaiResponses.createDecoder(run.convertContext(createPlainLarge()));
  const out: StreamEvent[] = [];
  const fields: SseFields = { hasData: false, data: "", event: "" };
  const splitter = new EventSplitter("sse");
  const sink: EventSink = {
    onEvent(buffer, start, end) {
      if (parseSseFields(buffer, start, end, fields)) decoder.decode(fields.data, fields.event, out);
      return true;
    },
  };
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(1, sizes());
    splitter.push(bytes.subarray(at, at + size), sink);
    at += size;
  }
  decoder.finish(out);
  return out;
}

test("41. a stream cut into pieces of any size gives the same events, and the events of its encoding are its own", () => {
  const wire = Buffer.from(encode(THOUGHT_TEXT_CALL));
  const whole = decodeWire(wire, () => wire.length);
  const seed = seedOf(9);
  const random = seededRandom(seed);
  for (const size of [1, 2, 3, 7])
    assert.deepEqual(
      decodeWire(wire, () => size),
      whole,
      `size ${size}`,
    );
  for (let round = 0; round < 20; round++)
    assert.deepEqual(
      decodeWire(wire, () => Math.floor(random() * 200)),
      whole,
      `SEED=${seed}`,
    );
  const assemblers = [new AnswerAssembler(), new AnswerAssembler()];
  for (const event of THOUGHT_TEXT_CALL) assemblers[0]?.push(event);
  for (const event of whole) assemblers[1]?.push(event);
  const shape = (assembler: AnswerAssembler | undefined) =>
    assembler?.result().candidates[0]?.parts.map((part) => ({
      type: part.type,
      text:
        part.type === "text" || part.type === "thinking" ? part.text : part.type === "call" ? part.name : "",
      arguments: part.type === "call" ? part.arguments || "{}" : "",
    }));
  assert.deepEqual(shape(assemblers[1]), shape(assemblers[0]));
});

test("a decoder ends on any garbage without throwing", () => {
  const seed = seedOf(5);
  const random = seededRandom(seed);
  const events = sseData(encode(THOUGHT_TEXT_CALL));
  for (let round = 0; round < 300; round++) {
    const fuzzed = events
      .filter(() => random() < 0.9)
      .map((event) => {
        const copy = JSON.parse(JSON.stringify(event)) as Record<string, unknown>;
        for (const key of Object.keys(copy)) {
          if (random() < 0.05)
            copy[key] = [null, 5, "x", [], {}, [null], { type: 7 }][Math.floor(random() * 7)];
          else if (random() < 0.03) delete copy[key];
        }
        return random() < 0.05 ? "not json {" : copy;
      });
    let out: StreamEvent[] = [];
    try {
      out = decode(fuzzed);
    } catch (error) {
      throw new Error(`SEED=${seed} round ${round}: ${JSON.stringify(fuzzed)}`, { cause: error });
    }
    const last = out[out.length - 1];
    assert.ok(last?.type === "end" || last?.type === "error", `SEED=${seed} round ${round}`);
  }
});
