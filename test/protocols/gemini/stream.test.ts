import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/base/failure.ts";
import { EventSplitter, parseSseFields } from "../../../src/base/sse.ts";
import { AnswerAssembler } from "../../../src/protocols/answer-assembly.ts";
import { gemini } from "../../../src/protocols/gemini/gemini.ts";
import type { StreamEvent } from "../../../src/protocols/neutral.ts";
import { seededRandom, seedOf } from "../../support/seed.ts";
import { Conversion, type ConversionOptions, sseData } from "../support/conversion.ts";

const USAGE = { promptTokenCount: 8, candidatesTokenCount: 10, thoughtsTokenCount: 50, totalTokenCount: 68 };

function chunk(parts: object[], more: object = {}, candidate: object = {}) {
  return {
    candidates: [{ content: { parts, role: "model" }, ...candidate }],
    modelVersion: "gemini-x-001",
    responseId: "resp-1",
    ...more,
  };
}

function started(options: ConversionOptions = {}, body: object = {}) {
  const conversion = new Conversion(gemini, gemini, { model: "gemini-2.5-pro", ...options });
  conversion.decodeRequest({ contents: [{ parts: [{ text: "hi" }] }], ...body });
  return conversion;
}

const SHOW = { generationConfig: { thinkingConfig: { includeThoughts: true } } };

/** What the events amount to. */
function assemble(events: readonly StreamEvent[]) {
  const assembler = new AnswerAssembler();
  for (const event of events) assembler.push(event);
  return assembler.result();
}

test("57: thoughts count as output, and are split off again for a Gemini client", () => {
  const conversion = started();
  const events = conversion.decodeStream([
    chunk([{ text: "Hi" }], { usageMetadata: { promptTokenCount: 8 } }),
    chunk(
      [{ text: "!" }],
      { usageMetadata: { ...USAGE, toolUsePromptTokenCount: 2 } },
      { finishReason: "STOP" },
    ),
  ]);
  const answer = assemble(events);
  assert.deepEqual(answer.usage, {
    input: 10,
    cacheRead: null,
    cacheWrite: null,
    cacheWriteLong: null,
    output: 60,
    reasoning: 50,
  });
  assert.deepEqual(sseData(conversion.encodeStream(events)).at(-1).usageMetadata, {
    promptTokenCount: 10,
    candidatesTokenCount: 10,
    totalTokenCount: 70,
    thoughtsTokenCount: 50,
  });
});

test("thoughts, text and calls become parts in order, adjacent pieces one part", () => {
  const events = started().decodeStream([
    chunk([{ text: "hm", thought: true }]),
    chunk([{ text: "m", thought: true }, { text: "Hel" }]),
    chunk([{ text: "lo" }]),
    chunk([
      { functionCall: { name: "f", args: { a: 1 } }, thoughtSignature: "U0lH" },
      { functionCall: { id: "x", name: "f", args: {} } },
    ]),
    chunk([], {}, { finishReason: "STOP" }),
  ]);
  const [candidate] = assemble(events).candidates;
  assert.deepEqual(candidate?.parts, [
    { type: "thinking", text: "hmm" },
    { type: "text", text: "Hello" },
    {
      type: "call",
      id: "",
      name: "f",
      arguments: '{"a":1}',
      kind: "function",
      signature: { vendor: "google", value: "U0lH" },
    },
    { type: "call", id: "x", name: "f", arguments: "{}", kind: "function" },
  ]);
  assert.deepEqual(candidate?.stop, { reason: "tool_call" });
});

test("a call's arguments come as the text the upstream wrote", () => {
  const args = '{"id":12345678901234567890,"2":1,"1":2}';
  const events = started().decodeStream([
    `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":${args}}}]},"finishReason":"STOP"}]}`,
  ]);
  assert.ok(events.some((event) => event.type === "arguments" && event.text === args));
});

test("Vertex streams arguments under JSON paths", () => {
  const call = (functionCall: object) => chunk([{ functionCall }]);
  const events = started().decodeStream([
    call({ name: "f", id: "c", willContinue: true }),
    call({
      partialArgs: [{ jsonPath: "$.city", stringValue: "New ", willContinue: true }],
      willContinue: true,
    }),
    call({ partialArgs: [{ jsonPath: "$.city", stringValue: "York" }], willContinue: true }),
    call({
      partialArgs: [
        { jsonPath: "$.days[0].n", numberValue: 3 },
        { jsonPath: "$.x['a b']", boolValue: true },
      ],
      willContinue: true,
    }),
    call({ partialArgs: [{ jsonPath: "$.none", nullValue: "NULL_VALUE" }], willContinue: true }),
    call({}),
    chunk([], {}, { finishReason: "STOP" }),
  ]);
  const [part] = assemble(events).candidates[0]?.parts ?? [];
  assert.ok(part?.type === "call");
  assert.deepEqual(JSON.parse(part.arguments), {
    city: "New York",
    days: [{ n: 3 }],
    x: { "a b": true },
    none: null,
  });
});

test("59: a last empty text with a signature signs the text before it, without an empty text", () => {
  const events = started().decodeStream([
    chunk([{ text: "Hi" }]),
    chunk([{ text: "", thoughtSignature: "U0lH" }], {}, { finishReason: "STOP" }),
  ]);
  assert.deepEqual(assemble(events).candidates[0]?.parts, [
    { type: "text", text: "Hi", signature: { vendor: "google", value: "U0lH" } },
  ]);
});

test("60: a blocked prompt is a filtered answer with the reason in words; a malformed call is no success", () => {
  const blocked = started().decodeStream([
    { promptFeedback: { blockReason: "SAFETY", blockReasonMessage: "too hot" } },
  ]);
  assert.deepEqual(assemble(blocked).candidates, [
    {
      parts: [{ type: "refusal", text: "too hot" }],
      stop: { reason: "filtered", detail: "too hot", category: "safety" },
    },
  ]);
  const malformed = started().decodeStream([
    chunk([], {}, { finishReason: "MALFORMED_FUNCTION_CALL", finishMessage: "bad" }),
  ]);
  const last = malformed.at(-1);
  assert.ok(
    last?.type === "error" && last.error.code === "malformed_function_call" && /bad/.test(last.error.message),
  );
});

test("every finish reason has its meaning; calls decide over STOP, length over calls, unknown words are a stop", () => {
  const stop = (finishReason: string, parts: object[] = [{ text: "x" }]) => {
    const events = started().decodeStream([chunk(parts, {}, { finishReason })]);
    const last = events.at(-1);
    return last?.type === "error" ? "error" : assemble(events).candidates[0]?.stop.reason;
  };
  const call = [{ functionCall: { name: "f", args: {} } }];
  assert.equal(stop("STOP"), "stop");
  assert.equal(stop("STOP", call), "tool_call");
  assert.equal(stop("MAX_TOKENS", call), "length");
  assert.equal(stop("CONTINUATION"), "pause");
  assert.equal(stop("SOMETHING_NEW"), "stop");
  assert.equal(stop("OTHER"), "stop");
  assert.equal(stop("OTHER", []), "error");
  for (const word of [
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "LANGUAGE",
    "IMAGE_SAFETY",
    "IMAGE_OTHER",
    "NO_IMAGE",
  ])
    assert.equal(stop(word), "filtered", word);
  for (const word of [
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MALFORMED_RESPONSE",
    "MISSING_THOUGHT_SIGNATURE",
  ])
    assert.equal(stop(word), "error", word);
});

test("a stream that ends without a finish reason is an error, never an answer", () => {
  for (const events of [[], [chunk([{ text: "Hi" }])], [{ usageMetadata: USAGE }]]) {
    const last = started().decodeStream(events).at(-1);
    assert.equal(last?.type, "error");
  }
});

test("an error chunk ends the stream, wrapped in an array or not; what is no JSON is skipped", () => {
  const error = { error: { code: 503, message: "busy", status: "UNAVAILABLE" } };
  for (const bad of [error, [error]]) {
    const events = started().decodeStream([
      chunk([{ text: "Hi" }]),
      JSON.stringify(bad),
      chunk([{ text: "late" }]),
    ]);
    assert.deepEqual(events.at(-1), {
      type: "error",
      error: {
        status: 503,
        code: "unavailable",
        message: "busy",
        param: null,
        retryAfterMs: null,
        recognised: true,
      },
    });
  }
  const skipped = started().decodeStream([
    chunk([{ text: "a" }]),
    "{oops",
    chunk([{ text: "b" }], {}, { finishReason: "STOP" }),
  ]);
  assert.deepEqual(assemble(skipped).candidates[0]?.parts, [{ type: "text", text: "ab" }]);
});

test("candidates run beside each other; an index of zero may be missing", () => {
  const events = started().decodeStream([
    {
      candidates: [
        { content: { parts: [{ text: "a" }] } },
        { index: 1, content: { parts: [{ text: "b" }] } },
      ],
    },
    { candidates: [{ index: 1, content: { parts: [{ text: "B" }] }, finishReason: "STOP" }] },
    { candidates: [{ content: { parts: [{ text: "A" }] }, finishReason: "MAX_TOKENS" }] },
  ]);
  assert.deepEqual(
    assemble(events).candidates.map((candidate) => [candidate.parts, candidate.stop.reason]),
    [
      [[{ type: "text", text: "aA" }], "length"],
      [[{ type: "text", text: "bB" }], "stop"],
    ],
  );
});

test("citations: bytes of the upstream's part become characters, and bytes again for the client", () => {
  const groundingMetadata = {
    groundingChunks: [{ web: { uri: "https://a.example/", title: "A" } }, { retrievedContext: {} }],
    groundingSupports: [
      { segment: { startIndex: 7, endIndex: 12, text: "wörl" }, groundingChunkIndices: [0, 1] },
    ],
  };
  const conversion = started();
  // "Zoë 😀 wörld": ë is 2 bytes, the face 4.
  const events = conversion.decodeStream([
    chunk([{ text: "Zoë " }]),
    chunk(
      [{ text: "wörld!" }],
      {},
      {
        finishReason: "STOP",
        groundingMetadata: {
          ...groundingMetadata,
          groundingSupports: [
            { segment: { startIndex: 5, endIndex: 10, text: "wörl" }, groundingChunkIndices: [0, 1] },
          ],
        },
      },
    ),
  ]);
  assert.deepEqual(assemble(events).candidates[0]?.parts, [
    {
      type: "text",
      text: "Zoë wörld!",
      citations: [{ start: 4, end: 8, url: "https://a.example/", title: "A", quote: "wörl" }],
    },
  ]);
  assert.deepEqual(sseData(conversion.encodeStream(events)).at(-1).candidates[0].groundingMetadata, {
    groundingChunks: [{ web: { uri: "https://a.example/", title: "A" } }],
    groundingSupports: [
      { segment: { partIndex: 0, startIndex: 5, endIndex: 10, text: "wörl" }, groundingChunkIndices: [0] },
    ],
  });
});

test("a client's stream: text chunk by chunk, calls whole, a last chunk with finish, usage and a part", () => {
  const conversion = started({}, SHOW);
  const text = conversion.encodeStream([
    { type: "start", id: "", model: "claude-x", created: 1 },
    { type: "part", c: 0, i: 0, kind: "thinking" },
    { type: "think", c: 0, i: 0, text: "hm" },
    { type: "close", c: 0, i: 0 },
    { type: "part", c: 0, i: 1, kind: "text" },
    { type: "text", c: 0, i: 1, text: 'say "hi"\n' },
    { type: "close", c: 0, i: 1 },
    { type: "part", c: 0, i: 2, kind: "call", id: "call_1", name: "f", custom: false },
    { type: "arguments", c: 0, i: 2, text: '{"a":' },
    { type: "arguments", c: 0, i: 2, text: "1}" },
    { type: "close", c: 0, i: 2 },
    { type: "stop", c: 0, stop: { reason: "tool_call" } },
    {
      type: "usage",
      usage: { input: 3, cacheRead: 1, cacheWrite: null, cacheWriteLong: null, output: 4, reasoning: null },
    },
    { type: "end" },
  ]);
  assert.ok(text.endsWith("\n\n"));
  const chunks = sseData(text);
  const id = chunks[0].responseId;
  assert.equal(id.length, 23);
  assert.ok(chunks.every((each) => each.responseId === id && each.modelVersion === "claude-x"));
  assert.deepEqual(
    chunks.map((each) => each.candidates[0].content.parts),
    [
      [{ text: "hm", thought: true }],
      [{ text: 'say "hi"\n' }],
      [{ functionCall: { id: "call_1", name: "f", args: { a: 1 } } }],
      [{ text: "" }],
    ],
  );
  const last = chunks.at(-1);
  assert.equal(last.candidates[0].finishReason, "STOP");
  assert.deepEqual(last.usageMetadata, {
    promptTokenCount: 3,
    candidatesTokenCount: 4,
    totalTokenCount: 7,
    cachedContentTokenCount: 1,
  });
});

test("a client that did not ask for thoughts sees none, but keeps their signature", () => {
  const chunks = sseData(
    started().encodeStream([
      { type: "start", id: "m", model: "claude-x", created: 1 },
      { type: "part", c: 0, i: 0, kind: "thinking" },
      { type: "think", c: 0, i: 0, text: "secret" },
      { type: "signature", c: 0, i: 0, signature: { vendor: "anthropic", value: "SIG" } },
      { type: "close", c: 0, i: 0 },
      { type: "part", c: 0, i: 1, kind: "text" },
      { type: "text", c: 0, i: 1, text: "Hi" },
      { type: "close", c: 0, i: 1 },
      { type: "stop", c: 0, stop: { reason: "stop" } },
      { type: "end" },
    ]),
  );
  const [carrier, text] = chunks.map((each) => each.candidates[0].content.parts[0]);
  assert.equal(text.text, "Hi");
  assert.equal(carrier.text, "");
  assert.ok(carrier.thoughtSignature.startsWith("c2xjMS5l"));
  // On the next request the carrier is back where the thinking stood.
  const { request } = new Conversion(gemini, gemini).decodeRequest({
    contents: [
      { parts: [{ text: "x" }] },
      { role: "model", parts: [carrier, text] },
      { parts: [{ text: "y" }] },
    ],
  });
  const [thinking] = request.turns[1]?.parts ?? [];
  assert.ok(thinking?.type === "thinking" && thinking.foreign?.startsWith("slc1.e"));
});

test("97: a call that is not one JSON object is left out and the finish says so; cut by length it is only missing", () => {
  const finish = (text: string, reason: "tool_call" | "length") => {
    const chunks = sseData(
      started().encodeStream([
        { type: "start", id: "m", model: "x", created: 1 },
        { type: "part", c: 0, i: 0, kind: "call", id: "c", name: "f", custom: false },
        { type: "arguments", c: 0, i: 0, text },
        { type: "close", c: 0, i: 0 },
        { type: "stop", c: 0, stop: { reason } },
        { type: "end" },
      ]),
    );
    return [chunks.length, chunks.at(-1).candidates[0].finishReason];
  };
  assert.deepEqual(finish('{"a":1}{"b":2}', "tool_call"), [1, "MALFORMED_FUNCTION_CALL"]);
  assert.deepEqual(finish("[1]", "tool_call"), [1, "MALFORMED_FUNCTION_CALL"]);
  assert.deepEqual(finish('{"a":"x', "length"), [1, "MAX_TOKENS"]);
  assert.deepEqual(finish('{"a":"x\ny"}', "tool_call"), [2, "STOP"]);
  // 49
  assert.deepEqual(finish("", "tool_call"), [2, "STOP"]);
});

test("without alt=sse the stream is one JSON array, with white space as its sign of life", () => {
  const conversion = started({ answer: { jsonArray: true } });
  const encoder = gemini.createEncoder(conversion.answerContext());
  let text = encoder.ping();
  for (const event of [
    { type: "start", id: "m", model: "x", created: 1 },
    { type: "part", c: 0, i: 0, kind: "text" },
    { type: "text", c: 0, i: 0, text: "Hi" },
  ] as const)
    text += encoder.encode(event);
  text += encoder.ping();
  text += encoder.encode({ type: "close", c: 0, i: 0 });
  text += encoder.encode({ type: "stop", c: 0, stop: { reason: "stop" } });
  text += encoder.encode({ type: "end" });
  assert.equal(JSON.parse(text).length, 2);
  const failing = gemini.createEncoder(conversion.answerContext());
  const parts = [
    failing.encode({ type: "start", id: "m", model: "x", created: 1 }),
    failing.encode({ type: "text", c: 0, i: 0, text: "Hi" }),
    failing.fail(new Failure("overloaded", "gone", { code: "overloaded" })),
  ];
  assert.deepEqual(JSON.parse(parts.join(""))[1].error, {
    code: 503,
    message: "gone",
    status: "UNAVAILABLE",
  });
  assert.equal(failing.encode({ type: "end" }), "");
});

test("a stream that was relayed up to a point goes on with the same id", () => {
  const conversion = started();
  const position = {
    id: "resp-1",
    model: "gemini-x",
    created: 0,
    nextIndex: 1,
    open: { kind: "text", index: 0, itemId: "" },
    sequence: 0,
    started: true,
    items: [],
  } as const;
  const encoder = gemini.createEncoder({ ...conversion.answerContext(), jsonArray: true }, position);
  const text = [
    { type: "start", id: "other", model: "m2", created: 1 } as const,
    { type: "part", c: 0, i: 0, kind: "text" } as const,
    { type: "text", c: 0, i: 0, text: "more" } as const,
    { type: "stop", c: 0, stop: { reason: "stop" } } as const,
    { type: "end" } as const,
  ]
    .map((event) => encoder.encode(event))
    .join("");
  assert.ok(text.startsWith(",{"));
  const chunks = JSON.parse(`[0${text}`).slice(1);
  assert.ok(chunks.every((each: { responseId: string }) => each.responseId === "resp-1"));
});

const RECORDED = [
  chunk([{ text: "Denk ö", thought: true }]),
  chunk([{ text: "Zoë 😀 " }], { usageMetadata: { promptTokenCount: 8 } }),
  chunk([{ text: 'wörld "q" \\ \n' }]),
  chunk([{ functionCall: { id: "c1", name: "f", args: { s: "é\u2028" } }, thoughtSignature: "U0lH" }]),
  chunk([{ text: "" }], { usageMetadata: USAGE }, { finishReason: "STOP" }),
];

/** Neutral events of a recorded body that arrives in the given pieces. */
function replay(wire: Buffer, cuts: Iterable<number>): StreamEvent[] {
  const conversion = started();
  const decoder = gemini.createDecoder(
    conversion.convertContext(conversion.decodeRequest({ contents: [{ parts: [] }] }).large),
  );
  const splitter = new EventSplitter("sse");
  const fields = { event: "", data: "", hasData: false };
  const out: StreamEvent[] = [];
  const sink = {
    onEvent(buffer: Buffer, start: number, end: number) {
      if (parseSseFields(buffer, start, end, fields)) decoder.decode(fields.data, fields.event, out);
      return true;
    },
  };
  let at = 0;
  for (const size of cuts) {
    if (at >= wire.length) break;
    splitter.push(Buffer.from(wire.subarray(at, at + size)), sink);
    at += size;
  }
  if (at < wire.length) splitter.push(wire.subarray(at), sink);
  splitter.finish(sink);
  decoder.finish(out);
  return out;
}

test("41: a recorded stream cut at every byte, and into pieces of every size, gives the same events", () => {
  for (const newline of ["\n", "\r\n"]) {
    const wire = Buffer.from(
      RECORDED.map((each) => `data: ${JSON.stringify(each)}${newline}${newline}`).join(
        `: keep-alive${newline}${newline}`,
      ),
    );
    const whole = replay(wire, [wire.length]);
    assert.equal(whole.at(-1)?.type, "end");
    for (let cut = 1; cut < wire.length; cut++) assert.deepEqual(replay(wire, [cut]), whole, `cut at ${cut}`);
    for (const size of [1, 2, 3, 7]) assert.deepEqual(replay(wire, repeat(size)), whole, `pieces of ${size}`);
    const seed = seedOf(3);
    const random = seededRandom(seed);
    assert.deepEqual(replay(wire, sizes(random)), whole, `SEED=${seed}`);
  }
});

function* repeat(size: number) {
  for (;;) yield size;
}

function* sizes(random: () => number) {
  for (;;) yield 1 + Math.floor(random() * 40);
}

test("any answer survives the way to a Gemini client and back", () => {
  const seed = seedOf(41);
  const random = seededRandom(seed);
  const pick = <T>(...options: T[]): T => options[Math.floor(random() * options.length)] as T;
  for (let round = 0; round < 300; round++) {
    const conversion = started({}, SHOW);
    const events: StreamEvent[] = [{ type: "start", id: "resp", model: "m", created: 1_700_000_000 }];
    const count = Math.floor(random() * 5);
    let calls = 0;
    let last = "";
    for (let i = 0; i < count; i++) {
      const kind = pick("text", "thinking", "call");
      // Adjacent parts of one kind are one part to Gemini.
      if (kind === last && kind !== "call") continue;
      last = kind;
      if (kind === "call") {
        calls++;
        events.push({
          type: "part",
          c: 0,
          i,
          kind: "call",
          id: `id${i}`,
          name: pick("f", "g"),
          custom: false,
        });
        events.push({ type: "arguments", c: 0, i, text: pick('{"a":1}', '{"b":{"c":[1,2,"é"]}}', "{}") });
      } else {
        events.push({ type: "part", c: 0, i, kind });
        for (let n = 0; n < 3; n++) {
          const text = pick("a", "ö😀", 'x"\\', "\n", "\u2028");
          events.push(kind === "text" ? { type: "text", c: 0, i, text } : { type: "think", c: 0, i, text });
        }
        if (random() < 0.3)
          events.push({ type: "signature", c: 0, i, signature: { vendor: "google", value: "U0lH" } });
      }
      events.push({ type: "close", c: 0, i });
    }
    events.push({ type: "stop", c: 0, stop: { reason: calls > 0 ? "tool_call" : pick("stop", "length") } });
    events.push({
      type: "usage",
      usage: { input: 5, cacheRead: 2, cacheWrite: null, cacheWriteLong: null, output: 9, reasoning: 4 },
    });
    events.push({ type: "end" });
    const back = conversion.decodeStream(sseData(conversion.encodeStream(events)));
    assert.deepEqual(
      { ...assemble(back), created: 0 },
      { ...assemble(events), created: 0 },
      `SEED=${seed} round ${round}`,
    );
  }
});

test("no garbage makes the decoder throw", () => {
  const seed = seedOf(7);
  const random = seededRandom(seed);
  const text = JSON.stringify(RECORDED);
  const values = [null, true, -1, 1e9, "", "x", [], {}, [{}], { parts: 3 }, { text: 1 }];
  for (let round = 0; round < 3000; round++) {
    const conversion = started();
    let data: string;
    if (random() < 0.5) {
      const at = Math.floor(random() * text.length);
      data = text.slice(0, at) + String.fromCharCode(32 + Math.floor(random() * 90)) + text.slice(at + 1);
    } else {
      const copy = structuredClone(RECORDED[Math.floor(random() * RECORDED.length)]) as Record<
        string,
        unknown
      >;
      mutate(copy, random, values);
      data = JSON.stringify(copy);
    }
    assert.doesNotThrow(() => conversion.streamText([data]), `SEED=${seed} round ${round}: ${data}`);
  }
});

function mutate(target: Record<string, unknown>, random: () => number, values: readonly unknown[]): void {
  const keys = Object.keys(target);
  const key = keys[Math.floor(random() * keys.length)];
  if (key === undefined) return;
  const value = target[key];
  if (typeof value === "object" && value !== null && random() < 0.8)
    mutate(value as Record<string, unknown>, random, values);
  else target[key] = structuredClone(values[Math.floor(random() * values.length)]);
}
