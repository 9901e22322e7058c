import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/base/failure.ts";
import { EventSplitter, parseSseFields } from "../../../src/base/sse.ts";
import { AnswerAssembler } from "../../../src/protocols/answer-assembly.ts";
import { cohere, cohereV1 } from "../../../src/protocols/cohere/cohere.ts";
import { gemini } from "../../../src/protocols/gemini/gemini.ts";
import type { StreamEvent } from "../../../src/protocols/neutral.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/openai-chat.ts";
import type { ChatProtocol, StreamPosition } from "../../../src/protocols/protocol.ts";
import { seededRandom, seedOf } from "../../support/seed.ts";
import { Conversion, type ConversionOptions, sseData } from "../support/conversion.ts";

const BODY = { model: "m", message: "hi", messages: [{ role: "user", content: "hi" }] };

function started(
  from: ChatProtocol,
  to: ChatProtocol = cohere,
  options: ConversionOptions = {},
  body: object = {},
) {
  const conversion = new Conversion(from, to, { model: "command-a", ...options });
  conversion.decodeRequest({ ...BODY, ...body });
  return conversion;
}

function assemble(events: readonly StreamEvent[]) {
  const assembler = new AnswerAssembler();
  for (const event of events) assembler.push(event);
  return assembler.result();
}

const message = (type: string, index: number, inner: object) => ({ type, index, delta: { message: inner } });
const USAGE = {
  billed_units: { input_tokens: 1, output_tokens: 2 },
  tokens: { input_tokens: 10, output_tokens: 20 },
  cached_tokens: 4,
};

const RECORDED = [
  {
    type: "message-start",
    id: "29f14a5a-11de-4cae-9800-25e4747408ea",
    delta: { message: { role: "assistant" } },
  },
  message("content-start", 0, { content: { type: "thinking", thinking: "" } }),
  message("content-delta", 0, { content: { thinking: "hm 😀" } }),
  { type: "content-end", index: 0 },
  message("content-start", 1, { content: { type: "text", text: "" } }),
  message("content-delta", 1, { content: { text: "Zoë " } }),
  message("content-delta", 1, { content: { text: 'says "hi"\n' } }),
  message("citation-start", 0, {
    citations: {
      start: 4,
      end: 8,
      text: "says",
      content_index: 1,
      type: "TEXT_CONTENT",
      sources: [
        { type: "document", id: "d", document: { url: "https://a.example/", title: "A" } },
        { type: "tool", tool_output: {} },
      ],
    },
  }),
  { type: "citation-end", index: 0 },
  { type: "content-end", index: 1 },
  message("tool-plan-delta", 0, { tool_plan: "I will " }),
  message("tool-plan-delta", 0, { tool_plan: "ask" }),
  message("tool-call-start", 0, {
    tool_calls: { id: "c1", type: "function", function: { name: "f", arguments: "" } },
  }),
  message("tool-call-delta", 0, { tool_calls: { function: { arguments: '{"a":' } } }),
  message("tool-call-delta", 0, { tool_calls: { function: { arguments: '"é"}' } } }),
  { type: "tool-call-end", index: 0 },
  message("tool-call-start", 1, {
    tool_calls: { id: "c2", type: "function", function: { name: "g", arguments: "{}" } },
  }),
  { type: "tool-call-end", index: 1 },
  { type: "debug", prompt: "x" },
  { type: "message-end", delta: { finish_reason: "TOOL_CALL", usage: USAGE } },
];

const EXPECTED = [
  { type: "thinking", text: "hm 😀" },
  {
    type: "text",
    text: 'Zoë says "hi"\n',
    citations: [{ start: 4, end: 8, url: "https://a.example/", title: "A", quote: "says" }],
  },
  { type: "thinking", text: "I will ask" },
  { type: "call", id: "c1", name: "f", arguments: '{"a":"é"}', kind: "function" },
  { type: "call", id: "c2", name: "g", arguments: "{}", kind: "function" },
];

test("v2: thoughts, text, plan, calls and citations become parts in order", () => {
  const answer = assemble(started(cohere).decodeStream(RECORDED));
  assert.deepEqual(answer.candidates, [{ parts: EXPECTED, stop: { reason: "tool_call" } }]);
  assert.equal(answer.id, "29f14a5a-11de-4cae-9800-25e4747408ea");
  assert.deepEqual([answer.usage?.input, answer.usage?.output, answer.usage?.cacheRead], [10, 20, 4]);
});

test("96: a citation of content block 1 counts from the start of the whole text for a Chat client", () => {
  const whole = {
    id: "x",
    finish_reason: "COMPLETE",
    message: {
      role: "assistant",
      content: [
        { type: "text", text: "Hello " },
        { type: "text", text: "Paris" },
      ],
      citations: [
        {
          start: 0,
          end: 5,
          text: "Paris",
          content_index: 1,
          type: "TEXT_CONTENT",
          sources: [{ type: "document", document: { url: "https://a.example/" } }],
        },
        {
          start: 0,
          end: 5,
          text: "x",
          content_index: 0,
          type: "THINKING_CONTENT",
          sources: [{ type: "document", document: { url: "https://b.example/" } }],
        },
      ],
    },
  };
  const conversion = started(openaiChat);
  const { annotations } = conversion.answerBody(whole).choices[0].message;
  assert.deepEqual(
    annotations.map((each: { url_citation: { url: string; start_index: number; end_index: number } }) => [
      each.url_citation.url,
      each.url_citation.start_index,
      each.url_citation.end_index,
    ]),
    [["https://a.example/", 6, 11]],
  );
});

test("finish words of both versions", () => {
  const v2 = (finish_reason: string) =>
    started(cohere)
      .decodeStream([{ type: "message-end", delta: { finish_reason, error: "why" } }])
      .find((event) => event.type === "stop" || event.type === "error");
  const reason = (event: StreamEvent | undefined) =>
    event?.type === "stop" ? event.stop.reason : event?.type;
  assert.equal(reason(v2("COMPLETE")), "stop");
  assert.equal(reason(v2("STOP_SEQUENCE")), "stop_sequence");
  assert.equal(reason(v2("MAX_TOKENS")), "length");
  assert.equal(reason(v2("NEW_WORD")), "stop");
  assert.equal(reason(v2("ERROR")), "error");
  assert.equal(reason(v2("TIMEOUT")), "error");
  const v1 = (finish_reason: string) =>
    started(cohereV1, cohereV1)
      .decodeStream([{ event_type: "stream-end", finish_reason, response: { text: "x" } }])
      .find((event) => event.type === "stop" || event.type === "error");
  assert.equal(reason(v1("ERROR_LIMIT")), "context_full");
  assert.equal(reason(v1("ERROR_TOXIC")), "filtered");
  assert.equal(reason(v1("USER_CANCEL")), "error");
});

test("a stream without its end, an error in the middle and garbage", () => {
  for (const [protocol, events] of [
    [cohere, RECORDED.slice(0, -1)],
    [cohere, []],
    [cohereV1, [{ event_type: "text-generation", text: "a" }]],
  ] as const)
    assert.equal(started(protocol, protocol).decodeStream(events).at(-1)?.type, "error");
  const failed = started(cohere).decodeStream([
    ...RECORDED.slice(0, 6),
    { message: "internal server error" },
    ...RECORDED.slice(6),
  ]);
  assert.ok(failed.at(-1)?.type === "error");
  const skipped = started(cohere).decodeStream([
    ...RECORDED.slice(0, 6),
    "{oops",
    "null",
    "[DONE]",
    ...RECORDED.slice(6),
  ]);
  assert.deepEqual(assemble(skipped).candidates[0]?.parts, EXPECTED);
});

test("v2 client: a foreign answer as Cohere's events, each with its type inside and in its name", () => {
  const conversion = started(cohere, openaiChat);
  const text = conversion.encodeStream(ANSWER);
  const data = sseData(text);
  assert.deepEqual(
    [...text.matchAll(/^event: (.*)$/gm)].map((match) => match[1]),
    data.map((each) => each.type),
  );
  assert.deepEqual(
    data.map((each) => [each.type, each.index]),
    [
      ["message-start", undefined],
      ["content-start", 0],
      ["content-delta", 0],
      ["content-end", 0],
      ["content-start", 1],
      ["content-delta", 1],
      ["content-delta", 1],
      ["citation-start", 0],
      ["citation-end", 0],
      ["content-end", 1],
      ["tool-call-start", 0],
      ["tool-call-delta", 0],
      ["tool-call-end", 0],
      ["tool-call-start", 1],
      ["tool-call-delta", 1],
      ["tool-call-end", 1],
      ["message-end", undefined],
    ],
  );
  assert.match(data[0].id, /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  assert.deepEqual(data[10].delta.message.tool_calls, {
    id: "call_1",
    type: "function",
    function: { name: "f", arguments: "" },
  });
  assert.deepEqual(data[14].delta.message.tool_calls, { function: { arguments: "{}" } });
  assert.deepEqual(data.at(-1).delta, {
    finish_reason: "TOOL_CALL",
    usage: {
      billed_units: { input_tokens: 3, output_tokens: 4 },
      tokens: { input_tokens: 3, output_tokens: 4 },
      cached_tokens: 1,
    },
  });
  assert.deepEqual(data[7].delta.message.citations, {
    start: 0,
    end: 8,
    text: "",
    sources: [
      {
        type: "document",
        id: "https://a.example/",
        document: { id: "https://a.example/", title: "A", url: "https://a.example/" },
      },
    ],
    content_index: 1,
    type: "TEXT_CONTENT",
  });
});

const ANSWER: StreamEvent[] = [
  { type: "start", id: "chatcmpl-1", model: "gpt-x", created: 1 },
  { type: "part", c: 0, i: 0, kind: "thinking" },
  { type: "think", c: 0, i: 0, text: "hm" },
  { type: "close", c: 0, i: 0 },
  { type: "part", c: 0, i: 1, kind: "text" },
  { type: "text", c: 0, i: 1, text: "Hi " },
  { type: "text", c: 0, i: 1, text: "there" },
  { type: "cite", c: 0, i: 1, citation: { start: -1, end: -1, url: "https://a.example/", title: "A" } },
  { type: "close", c: 0, i: 1 },
  { type: "part", c: 0, i: 2, kind: "call", id: "call_1", name: "f", custom: false },
  { type: "arguments", c: 0, i: 2, text: '{"a":1}' },
  { type: "close", c: 0, i: 2 },
  { type: "part", c: 0, i: 3, kind: "call", id: "call_2", name: "g", custom: false },
  { type: "close", c: 0, i: 3 },
  {
    type: "usage",
    usage: { input: 3, cacheRead: 1, cacheWrite: null, cacheWriteLong: null, output: 4, reasoning: 1 },
  },
  { type: "stop", c: 0, stop: { reason: "tool_call" } },
  { type: "end" },
];

test("v2 client with tools: thoughts that lead to calls are the tool plan", () => {
  const conversion = started(
    cohere,
    openaiChat,
    {},
    { tools: [{ type: "function", function: { name: "f" } }] },
  );
  const data = sseData(conversion.encodeStream(ANSWER));
  assert.deepEqual(
    data.slice(1, 3).map((each) => [each.type, each.index ?? each.delta.message.tool_plan]),
    [
      ["tool-plan-delta", "hm"],
      ["content-start", 0],
    ],
  );
});

test("the words [DONE] in an answer never stand in the data as they are", () => {
  const text = started(cohere, openaiChat).encodeStream([
    { type: "start", id: "x", model: "m", created: 1 },
    { type: "text", c: 0, i: 0, text: "say [DONE] and data: [DONE]" },
    { type: "stop", c: 0, stop: { reason: "stop" } },
    { type: "end" },
  ]);
  assert.ok(!text.includes("[DONE]"));
  assert.equal(sseData(text)[2].delta.message.content.text, "say [DONE] and data: [DONE]");
});

test("errors in the middle end a v2 stream with ERROR and words, a v1 stream likewise", () => {
  const failure = new Failure("overloaded", "all targets are busy", { code: "overloaded" });
  const v2 = cohere.createEncoder(started(cohere, openaiChat).answerContext());
  v2.encode({ type: "start", id: "x", model: "m", created: 1 });
  assert.deepEqual(sseData(v2.fail(failure))[0].delta, {
    finish_reason: "ERROR",
    error: "all targets are busy",
  });
  assert.equal(v2.encode({ type: "end" }), "");
  const v1 = cohereV1.createEncoder(started(cohereV1, openaiChat).answerContext());
  v1.encode({ type: "start", id: "x", model: "m", created: 1 });
  v1.encode({ type: "text", c: 0, i: 0, text: "Hi" });
  const last = JSON.parse(v1.fail(failure));
  assert.deepEqual(
    [last.event_type, last.finish_reason, last.error, last.response.text],
    ["stream-end", "ERROR", "all targets are busy", "Hi"],
  );
});

test("v1 client: lines of JSON, calls whole, the last line repeats the whole answer", () => {
  const text = started(cohereV1, openaiChat).encodeStream(ANSWER);
  const lines = text
    .trimEnd()
    .split("\n")
    .map((each) => JSON.parse(each));
  assert.deepEqual(
    lines.map((each) => [each.event_type, each.is_finished]),
    [
      ["stream-start", false],
      ["text-generation", false],
      ["text-generation", false],
      ["citation-generation", false],
      ["tool-calls-generation", false],
      ["stream-end", true],
    ],
  );
  const calls = [
    { name: "f", parameters: { a: 1 } },
    { name: "g", parameters: {} },
  ];
  assert.deepEqual(lines[4].tool_calls, calls);
  const { response } = lines[5];
  assert.equal(response.text, "Hi there");
  assert.deepEqual(response.tool_calls, calls);
  assert.deepEqual(response.citations, [
    { start: 0, end: 8, text: "", document_ids: ["https://a.example/"] },
  ]);
  assert.deepEqual(response.documents, [{ id: "https://a.example/", title: "A", url: "https://a.example/" }]);
  assert.deepEqual(response.meta.tokens, { input_tokens: 3, output_tokens: 4 });
  assert.equal(lines[5].finish_reason, "COMPLETE");
});

test("v1 client: a broken call fails the answer, one cut by length is only missing", () => {
  const finish = (reason: "tool_call" | "length") => {
    const events: StreamEvent[] = [
      { type: "start", id: "x", model: "m", created: 1 },
      { type: "part", c: 0, i: 0, kind: "call", id: "c", name: "f", custom: false },
      { type: "arguments", c: 0, i: 0, text: '{"a":' },
      { type: "stop", c: 0, stop: { reason } },
      { type: "end" },
    ];
    const last = started(cohereV1, openaiChat).encodeStream(events).trimEnd().split("\n").at(-1) ?? "";
    return JSON.parse(last).finish_reason;
  };
  assert.equal(finish("tool_call"), "ERROR");
  assert.equal(finish("length"), "MAX_TOKENS");
});

test("v1 upstream: plan, calls in pieces or whole, citations by document, text only at the end", () => {
  const start = { event_type: "stream-start", generation_id: "g" };
  const pieces = started(cohereV1, cohereV1).decodeStream([
    start,
    { event_type: "tool-calls-chunk", tool_call_delta: { index: 0, text: "I will ask" } },
    { event_type: "tool-calls-chunk", tool_call_delta: { index: 0, name: "f" } },
    { event_type: "tool-calls-chunk", tool_call_delta: { index: 0, parameters: '{"a":' } },
    { event_type: "tool-calls-chunk", tool_call_delta: { index: 0, parameters: "1}" } },
    { event_type: "tool-calls-generation", tool_calls: [{ name: "f", parameters: { a: 1 } }] },
    {
      event_type: "stream-end",
      finish_reason: "COMPLETE",
      response: { text: "I will ask", tool_calls: [], meta: USAGE },
    },
  ]);
  assert.deepEqual(assemble(pieces).candidates, [
    {
      parts: [
        { type: "thinking", text: "I will ask" },
        { type: "call", id: "", name: "f", arguments: '{"a":1}', kind: "function" },
      ],
      stop: { reason: "tool_call" },
    },
  ]);
  const whole = started(cohereV1, cohereV1).decodeStream([
    start,
    '{"event_type":"tool-calls-generation","tool_calls":[{"name":"f","parameters":{"n":12345678901234567890}}]}',
    { event_type: "stream-end", finish_reason: "COMPLETE", response: { text: "" } },
  ]);
  assert.deepEqual(assemble(whole).candidates[0]?.parts, [
    { type: "call", id: "", name: "f", arguments: '{"n":12345678901234567890}', kind: "function" },
  ]);
  const cited = started(cohereV1, cohereV1).decodeStream([
    start,
    { event_type: "text-generation", text: "Paris" },
    {
      event_type: "citation-generation",
      citations: [{ start: 0, end: 5, text: "Paris", document_ids: ["d1", "d2"] }],
    },
    {
      event_type: "stream-end",
      finish_reason: "COMPLETE",
      response: { text: "Paris", documents: [{ id: "d1", url: "https://a.example/", title: "A" }] },
    },
  ]);
  assert.deepEqual(assemble(cited).candidates[0]?.parts, [
    {
      type: "text",
      text: "Paris",
      citations: [{ start: 0, end: 5, url: "https://a.example/", title: "A", quote: "Paris" }],
    },
  ]);
  const late = started(cohereV1, cohereV1).decodeStream([
    { event_type: "stream-end", finish_reason: "COMPLETE", response: { text: "all at once" } },
  ]);
  assert.deepEqual(assemble(late).candidates[0]?.parts, [{ type: "text", text: "all at once" }]);
});

test("whole answers of both versions, out and back", () => {
  const v2 = {
    id: "29f14a5a-11de-4cae-9800-25e4747408ea",
    finish_reason: "TOOL_CALL",
    message: {
      role: "assistant",
      tool_calls: [{ id: "c1", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
      tool_plan: "I will ask",
    },
    usage: { billed_units: USAGE.tokens, tokens: USAGE.tokens, cached_tokens: 4 },
  };
  assert.deepEqual(started(cohere).answerBody(v2), v2);
  const thought = {
    ...v2,
    finish_reason: "MAX_TOKENS",
    message: {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "hm" },
        { type: "text", text: "Hi" },
      ],
    },
  };
  assert.deepEqual(started(cohere).answerBody(thought), thought);
  const v1 = {
    response_id: v2.id,
    generation_id: v2.id,
    text: "Hi",
    finish_reason: "COMPLETE",
    meta: { api_version: { version: "1" }, ...v2.usage },
  };
  assert.deepEqual(started(cohereV1, cohereV1).answerBody(v1), v1);
  const calls = { ...v1, text: "", tool_calls: [{ name: "f", parameters: { a: 1 } }] };
  assert.deepEqual(started(cohereV1, cohereV1).answerBody(calls), calls);
  for (const bad of [{}, [], "x", { ...v2, finish_reason: "ERROR" }, { message: "error text" }])
    assert.throws(() => started(cohere).decodeAnswer(bad), Failure);
  for (const bad of [{}, [], { ...v1, finish_reason: "ERROR" }])
    assert.throws(() => started(cohereV1, cohereV1).decodeAnswer(bad), Failure);
});

test("a relayed stream that broke goes on in the block that was open", () => {
  const position: StreamPosition = {
    id: "29f14a5a-11de-4cae-9800-25e4747408ea",
    model: "",
    created: 0,
    nextIndex: 2,
    open: { kind: "text", index: 1, itemId: "" },
    sequence: 0,
    started: true,
    items: [],
  };
  const more: StreamEvent[] = [
    { type: "start", id: "other", model: "m", created: 1 },
    { type: "part", c: 0, i: 0, kind: "text" },
    { type: "text", c: 0, i: 0, text: "more" },
    { type: "close", c: 0, i: 0 },
    { type: "stop", c: 0, stop: { reason: "stop" } },
    { type: "end" },
  ];
  const v2 = cohere.createEncoder(started(cohere, openaiChat).answerContext(), position);
  assert.deepEqual(
    sseData(more.map((event) => v2.encode(event)).join("")).map((each) => [each.type, each.index ?? each.id]),
    [
      ["content-delta", 1],
      ["content-end", 1],
      ["message-end", position.id],
    ],
  );
  const v1 = cohereV1.createEncoder(started(cohereV1, openaiChat).answerContext(), {
    ...position,
    nextIndex: 1,
    open: { kind: "text", index: 0, itemId: "" },
    items: ['"So far, "'],
  });
  const lines = more
    .map((event) => v1.encode(event))
    .join("")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map((line) => line.event_type),
    ["text-generation", "stream-end"],
  );
  assert.equal(lines[1].response.text, "So far, more");
});

const V1_RECORDED = [
  { is_finished: false, event_type: "stream-start", generation_id: "29f14a5a-11de-4cae-9800-25e4747408ea" },
  { is_finished: false, event_type: "text-generation", text: "Zoë " },
  { is_finished: false, event_type: "text-generation", text: '😀 "hi"\n' },
  {
    is_finished: false,
    event_type: "tool-calls-generation",
    tool_calls: [{ name: "f", parameters: { a: "é" } }],
  },
  {
    is_finished: true,
    event_type: "stream-end",
    finish_reason: "COMPLETE",
    response: { text: 'Zoë 😀 "hi"\n', meta: USAGE },
  },
];

function replay(protocol: ChatProtocol, wire: Buffer, sizes: Iterable<number>): StreamEvent[] {
  const conversion = started(protocol, protocol);
  const decoder = protocol.createDecoder(conversion.convertContext(conversion.decodeRequest(BODY).large));
  const splitter = new EventSplitter(protocol.framing);
  const fields = { event: "", data: "", hasData: false };
  const out: StreamEvent[] = [];
  const sink = {
    onEvent(buffer: Buffer, start: number, end: number) {
      if (protocol.framing === "ndjson") decoder.decode(buffer.toString("utf8", start, end), "", out);
      else if (parseSseFields(buffer, start, end, fields)) decoder.decode(fields.data, fields.event, out);
      return true;
    },
  };
  let at = 0;
  for (const size of sizes) {
    if (at >= wire.length) break;
    splitter.push(Buffer.from(wire.subarray(at, at + size)), sink);
    at += size;
  }
  if (at < wire.length) splitter.push(wire.subarray(at), sink);
  splitter.finish(sink);
  decoder.finish(out);
  return out;
}

function* repeat(size: number) {
  for (;;) yield size;
}

test("41: recorded streams of both versions cut at every byte and into pieces of every size", () => {
  const v2 = RECORDED.map((each) => `event: ${each.type}\ndata: ${JSON.stringify(each)}\n\n`).join("");
  const v1 = V1_RECORDED.map((each) => `${JSON.stringify(each)}\n`).join(" ");
  for (const [protocol, text] of [
    [cohere, v2],
    [cohere, v2.replaceAll("\n", "\r\n")],
    [cohereV1, v1],
  ] as const) {
    const wire = Buffer.from(text);
    const whole = replay(protocol, wire, [wire.length]);
    assert.equal(whole.at(-1)?.type, "end");
    for (let cut = 1; cut < wire.length; cut++)
      assert.deepEqual(replay(protocol, wire, [cut]), whole, `cut at ${cut}`);
    for (const size of [1, 2, 3, 7])
      assert.deepEqual(replay(protocol, wire, repeat(size)), whole, `pieces of ${size}`);
  }
});

test("any answer survives the way to a client of either version and back", () => {
  const seed = seedOf(23);
  const random = seededRandom(seed);
  const pick = <T>(...options: T[]): T => options[Math.floor(random() * options.length)] as T;
  for (let round = 0; round < 300; round++) {
    const version1 = random() < 0.5;
    const protocol = version1 ? cohereV1 : cohere;
    const events: StreamEvent[] = [
      { type: "start", id: "29f14a5a-11de-4cae-9800-25e4747408ea", model: "m", created: 1 },
    ];
    let i = 0;
    const put = (kind: "text" | "thinking" | "call") => {
      if (kind === "call") {
        events.push({
          type: "part",
          c: 0,
          i,
          kind,
          id: version1 ? "" : `id${i}`,
          name: pick("f", "g"),
          custom: false,
        });
        events.push({ type: "arguments", c: 0, i, text: pick('{"a":1}', '{"b":["é",null]}', "{}") });
      } else {
        events.push({ type: "part", c: 0, i, kind });
        for (let n = 0; n < 3; n++) {
          const text = pick("a", "[DONE]", "ö😀", 'x"\\', "\n", "\u2028");
          events.push(kind === "text" ? { type: "text", c: 0, i, text } : { type: "think", c: 0, i, text });
        }
      }
      events.push({ type: "close", c: 0, i: i++ });
    };
    // v1 has no thoughts, and one text only.
    if (!version1 && random() < 0.5) put("thinking");
    if (random() < 0.7) put("text");
    const calls = Math.floor(random() * 3);
    for (let n = 0; n < calls; n++) put("call");
    events.push({
      type: "usage",
      usage: { input: 5, cacheRead: 2, cacheWrite: null, cacheWriteLong: null, output: 9, reasoning: null },
    });
    events.push({ type: "stop", c: 0, stop: { reason: calls > 0 ? "tool_call" : pick("stop", "length") } });
    events.push({ type: "end" });
    const conversion = started(protocol, protocol);
    const text = conversion.encodeStream(events);
    const data = version1 ? text.trimEnd().split("\n") : sseData(text).map((each) => JSON.stringify(each));
    const back = assemble(conversion.decodeStream(data));
    const expected = assemble(events);
    // Ids are minted where v1 has none; the model is not named in the stream.
    const shape = (answer: typeof back) =>
      answer.candidates.map(({ parts, stop }) => [
        parts.map((part) => (part.type === "call" ? { ...part, id: version1 ? "" : part.id } : part)),
        stop,
      ]);
    assert.deepEqual(shape(back), shape(expected), `SEED=${seed} round ${round}`);
    assert.deepEqual(back.usage, expected.usage);
  }
});

test("no garbage makes the decoders throw", () => {
  const seed = seedOf(5);
  const random = seededRandom(seed);
  const values = [null, true, -1, 1e9, "", "x", [], {}, [{}], { message: 3 }];
  const mutate = (target: Record<string, unknown>): void => {
    const keys = Object.keys(target);
    const key = keys[Math.floor(random() * keys.length)];
    if (key === undefined) return;
    const value = target[key];
    if (typeof value === "object" && value !== null && random() < 0.8)
      mutate(value as Record<string, unknown>);
    else target[key] = structuredClone(values[Math.floor(random() * values.length)]);
  };
  for (let round = 0; round < 3000; round++) {
    const version1 = random() < 0.5;
    const protocol = version1 ? cohereV1 : cohere;
    const copy = structuredClone(version1 ? V1_RECORDED : RECORDED) as Record<string, unknown>[];
    for (let n = 0; n < 3; n++) mutate(copy[Math.floor(random() * copy.length)] as Record<string, unknown>);
    const data = copy.map((each) => JSON.stringify(each));
    assert.doesNotThrow(() => started(protocol, protocol).streamText(data), `SEED=${seed} round ${round}`);
  }
});

test("a signature of Gemini's call is remembered for a Cohere client, and serves the next request", () => {
  const first = new Conversion(cohere, gemini, { model: "gemini-3-pro" });
  first.requestBody({ ...BODY, tools: [{ type: "function", function: { name: "f" } }] });
  const part = { functionCall: { name: "f", args: {} }, thoughtSignature: "U0lH" };
  const text = first.streamText([{ candidates: [{ content: { parts: [part] }, finishReason: "STOP" }] }]);
  const id = sseData(text).find((each) => each.type === "tool-call-start").delta.message.tool_calls.id;
  assert.equal(
    first.answerBody({ candidates: [{ content: { parts: [part] }, finishReason: "STOP" }] }).message
      .tool_calls.length,
    1,
  );
  const next = first.requestBody({
    model: "m",
    messages: [
      ...BODY.messages,
      { role: "assistant", tool_calls: [{ id, type: "function", function: { name: "f", arguments: "{}" } }] },
      { role: "tool", tool_call_id: id, content: "ok" },
    ],
  });
  assert.equal(next.contents[1].parts[0].thoughtSignature, "U0lH");
});

test("69: any sequence of neutral events gives a stream whose blocks begin, go on and end in order", () => {
  const seed = seedOf(69);
  const random = seededRandom(seed);
  const pick = <T>(...options: T[]): T => options[Math.floor(random() * options.length)] as T;
  for (let round = 0; round < 400; round++) {
    const events: StreamEvent[] = [];
    for (let n = 0; n < 25; n++) {
      const i = Math.floor(random() * 4);
      events.push(
        pick<StreamEvent>(
          { type: "start", id: "x", model: "m", created: 1 },
          { type: "part", c: 0, i, kind: pick("text", "thinking", "refusal") },
          { type: "part", c: 0, i, kind: "call", id: pick("", "same"), name: "f", custom: false },
          { type: "part", c: 0, i, kind: "image", mime: "image/png", data: "A" },
          { type: "text", c: 0, i, text: "a" },
          { type: "think", c: 0, i, text: "b" },
          { type: "arguments", c: 0, i, text: pick("{", "}", '"x"', "{}") },
          { type: "cite", c: 0, i, citation: { start: 0, end: 1, url: "u", title: "" } },
          { type: "signature", c: 0, i, signature: { vendor: "google", value: "s" } },
          { type: "close", c: 0, i },
          {
            type: "usage",
            usage: {
              input: 1,
              cacheRead: null,
              cacheWrite: null,
              cacheWriteLong: null,
              output: 1,
              reasoning: null,
            },
          },
          { type: "ping" },
        ),
      );
    }
    if (random() < 0.8) events.push({ type: "stop", c: 0, stop: { reason: "stop" } });
    events.push({ type: "end" });
    const told = `SEED=${seed} round ${round}`;
    const data = sseData(started(cohere, openaiChat).encodeStream(events));
    assert.equal(data[0]?.type, "message-start", told);
    assert.equal(data.filter((each) => each.type === "message-start").length, 1, told);
    assert.equal(data.at(-1).type, "message-end", told);
    let open = "";
    let blocks = 0;
    let calls = 0;
    for (const each of data) {
      if (each.type === "content-start" || each.type === "tool-call-start") {
        assert.equal(open, "", told);
        open = each.type === "content-start" ? "content" : "tool-call";
        assert.equal(each.index, open === "content" ? blocks++ : calls++, told);
      } else if (each.type === "content-delta" || each.type === "tool-call-delta") {
        assert.equal(each.type, `${open}-delta`, told);
      } else if (each.type === "content-end" || each.type === "tool-call-end") {
        assert.equal(each.type, `${open}-end`, told);
        open = "";
      }
    }
    const lines = started(cohereV1, openaiChat)
      .encodeStream(events)
      .split("\n")
      .filter((line) => line.trim() !== "");
    assert.equal(JSON.parse(lines.at(-1) ?? "").event_type, "stream-end", told);
    const chunks = sseData(
      started(gemini, openaiChat, {}, { contents: [{ parts: [{ text: "x" }] }] }).encodeStream(events),
    );
    const last = chunks.at(-1);
    assert.ok(last.error !== undefined || last.candidates[0].finishReason !== undefined, told);
    for (const each of chunks.slice(0, -1)) assert.ok(each.candidates[0].content.parts.length > 0, told);
  }
});

test("a thought or plan that was cut off is ended, and the next one begins in a block of its own", () => {
  const go = (itemId: string, index: number) => {
    const position: StreamPosition = {
      id: "29f14a5a-11de-4cae-9800-25e4747408ea",
      model: "",
      created: 0,
      nextIndex: 1,
      open: { kind: "thinking", index, itemId },
      sequence: 0,
      started: true,
      items: [],
    };
    const encoder = cohere.createEncoder(started(cohere, openaiChat).answerContext(), position);
    const events: StreamEvent[] = [
      { type: "start", id: "other", model: "m", created: 1 },
      { type: "part", c: 0, i: 0, kind: "thinking" },
      { type: "think", c: 0, i: 0, text: "anew" },
      { type: "part", c: 0, i: 1, kind: "text" },
      { type: "text", c: 0, i: 1, text: "Hi" },
      { type: "stop", c: 0, stop: { reason: "stop" } },
      { type: "end" },
    ];
    return sseData(events.map((event) => encoder.encode(event)).join("")).map((each) =>
      `${each.type} ${each.index ?? ""}`.trim(),
    );
  };
  const rest = (first: number) => [
    `content-start ${first}`,
    `content-delta ${first}`,
    `content-end ${first}`,
    `content-start ${first + 1}`,
    `content-delta ${first + 1}`,
    `content-end ${first + 1}`,
    "message-end",
  ];
  assert.deepEqual(go("", 0), ["content-end 0", ...rest(1)]);
  assert.deepEqual(go("plan", 0), rest(0));
});
