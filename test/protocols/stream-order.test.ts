/** Whatever order events come in: what callers of Chat and Anthropic get is legal, whole and the same content (case 69). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventSplitter, parseSseFields } from "../../src/base/sse.ts";
import { anthropic } from "../../src/protocols/anthropic/anthropic.ts";
import type { StreamEvent } from "../../src/protocols/neutral.ts";
import { openaiChat } from "../../src/protocols/openai-chat/openai-chat.ts";
import { CONTENT, FINISH, MALFORMED, TERMINAL } from "../../src/protocols/protocol.ts";
import { protocolNamed } from "../../src/protocols/registry.ts";
import { seededRandom, seedOf } from "../support/seed.ts";
import { Conversion } from "./support/conversion.ts";

const WORDS = ["Hel", "lo ", "😀", '{"a"', ":1}", "", "\n", '"', "[DONE]", "é\u2028"];

/** Any sequence, mostly sensible, sometimes absurd. */
function randomEvents(random: () => number): StreamEvent[] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const events: StreamEvent[] = [];
  if (random() < 0.9) events.push({ type: "start", id: "x", model: "m", created: 1 });
  let next = 0;
  const index = () => (random() < 0.9 ? Math.max(0, next - 1) : Math.floor(random() * (next + 2)));
  for (let i = Math.floor(random() * 20); i > 0; i--) {
    const dice = random();
    const c = 0;
    if (dice < 0.1) events.push({ type: "part", c, i: next++, kind: "text" });
    else if (dice < 0.18) events.push({ type: "part", c, i: next++, kind: "thinking" });
    else if (dice < 0.2) events.push({ type: "part", c, i: next++, kind: "refusal" });
    else if (dice < 0.3) {
      const id = pick(["call_0", "call_1", ""]);
      events.push({ type: "part", c, i: next++, kind: "call", id, name: pick(["f", "g"]), custom: false });
      for (const text of pick([["{}"], ['{"a"', ":1}"], [""], ['{"a":', '"b"}'], ["{"], ["x"]])) {
        events.push({ type: "arguments", c, i: next - 1, text });
      }
    } else if (dice < 0.55) events.push({ type: "text", c, i: index(), text: pick(WORDS) });
    else if (dice < 0.65) events.push({ type: "think", c, i: index(), text: pick(WORDS) });
    else if (dice < 0.7) events.push({ type: "arguments", c, i: index(), text: pick(WORDS) });
    else if (dice < 0.75) {
      events.push({ type: "signature", c, i: index(), signature: { vendor: "google", value: "U0lH" } });
    } else if (dice < 0.85) events.push({ type: "close", c, i: index() });
    else if (dice < 0.9) events.push({ type: "ping" });
    else if (dice < 0.94)
      events.push({
        type: "usage",
        usage: { input: 5, cacheRead: 1, cacheWrite: null, cacheWriteLong: null, output: i, reasoning: null },
      });
    else if (dice < 0.97) events.push({ type: "start", id: "again", model: "m", created: 2 });
    else if (dice < 0.98) events.push({ type: "stop", c, stop: { reason: "stop" } });
    else if (dice < 0.985) events.push({ type: "text", c: 1, i: 0, text: "second" });
    else if (dice < 0.99) events.push({ type: "end" });
  }
  if (random() < 0.8)
    events.push({ type: "stop", c: 0, stop: { reason: pick(["stop", "length", "tool_call"]) } });
  events.push({ type: "end" });
  return events;
}

function conversion(from: typeof anthropic): Conversion {
  const run = new Conversion(from, openaiChat, { dialect: "openai" });
  run.requestText({ model: "m", max_tokens: 9, stream: true, messages: [{ role: "user", content: "hi" }] });
  return run;
}

interface SseEvent {
  event: string;
  data: string;
}

function parse(text: string): SseEvent[] {
  const splitter = new EventSplitter("sse");
  const events: SseEvent[] = [];
  const fields = { event: "", data: "", hasData: false };
  const sink = {
    onEvent(buffer: Buffer, start: number, end: number) {
      if (parseSseFields(buffer, start, end, fields)) events.push({ event: fields.event, data: fields.data });
      return true;
    },
  };
  splitter.push(Buffer.from(text), sink);
  assert.equal(splitter.finish(sink).length, 0, "the last event is ended by an empty line");
  return events;
}

/** Throws when an Anthropic stream breaks its grammar. */
function checkAnthropic(events: SseEvent[]): void {
  let open = null as { index: number; type: string } | null;
  let next = 0;
  let state: "new" | "started" | "delta" | "over" = "new";
  for (const { event, data } of events) {
    const body = JSON.parse(data);
    assert.equal(body.type, event);
    assert.notEqual(state, "over", `${event} behind the end`);
    if (event === "error") {
      state = "over";
      continue;
    }
    if (state === "new") {
      assert.equal(event, "message_start");
      assert.equal(typeof body.message.usage.input_tokens, "number");
      state = "started";
      continue;
    }
    switch (event) {
      case "content_block_start":
        assert.deepEqual([open, body.index, state], [null, next, "started"]);
        open = { index: next++, type: body.content_block.type };
        break;
      case "content_block_delta": {
        const wanted = {
          text: ["text_delta", "citations_delta"],
          thinking: ["thinking_delta", "signature_delta"],
          tool_use: ["input_json_delta"],
        };
        assert.equal(body.index, open?.index);
        assert.ok(
          wanted[open?.type as keyof typeof wanted].includes(body.delta.type),
          `${body.delta.type} in ${open?.type}`,
        );
        break;
      }
      case "content_block_stop":
        assert.equal(body.index, open?.index);
        open = null;
        break;
      case "message_delta":
        assert.deepEqual([open, state], [null, "started"]);
        assert.equal(typeof body.usage.output_tokens, "number");
        state = "delta";
        break;
      case "message_stop":
        assert.equal(state, "delta");
        state = "over";
        break;
      default:
        assert.equal(event, "ping");
    }
  }
  assert.equal(state, "over");
}

/** Throws when a Chat stream breaks its grammar. */
function checkChat(events: SseEvent[]): void {
  let calls = 0;
  let begun = false;
  let over = false;
  for (const { data } of events) {
    assert.equal(over, false, `${data} behind the end`);
    if (data === "[DONE]") {
      over = true;
      continue;
    }
    const body = JSON.parse(data);
    if (body.error !== undefined) {
      over = true;
      continue;
    }
    for (const choice of body.choices) {
      if (choice.index !== 0) continue;
      if (!begun) assert.equal(choice.delta.role, "assistant");
      begun = true;
      for (const call of choice.delta.tool_calls ?? []) {
        if (call.id !== undefined) {
          assert.equal(call.index, calls++);
          assert.ok(call.type === "function" && call.function.name !== "");
        } else {
          assert.equal(call.index, calls - 1, "only the newest call goes on");
        }
      }
    }
  }
  assert.equal(over, true);
}

const shown = (events: readonly StreamEvent[], type: "text" | "think") => {
  let text = "";
  for (const event of events) {
    if (event.type === "stop" && event.c === 0) break;
    if (event.type === "end" || event.type === "error") break;
    if (event.type === type && event.c === 0) text += event.text;
  }
  return text;
};

for (const [name, protocol, check] of [
  ["anthropic", anthropic, checkAnthropic],
  ["openai-chat", openaiChat, checkChat],
] as const) {
  test(`${name}: random events give a legal stream, decode to the same content, and are watched rightly`, () => {
    const seed = seedOf(5);
    const random = seededRandom(seed);
    for (let round = 0; round < 2500; round++) {
      const events = randomEvents(random);
      const note = () => `SEED=${seed} round ${round}: ${JSON.stringify(events)}`;
      const run = conversion(protocol);
      const text = run.encodeStream(events);
      const parsed = parse(text);
      try {
        check(parsed);
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${note()}\n${text}`);
      }
      const back = new Conversion(protocol, protocol);
      const decoded = back.decodeStream(parsed.map(({ event, data }) => [event, data] as const));
      const failed = decoded.some((event) => event.type === "error");
      assert.equal(decoded.at(-1)?.type, failed ? "error" : "end", note());
      if (!failed) {
        for (const type of ["text", "think"] as const) {
          // Text of a part that had to wait for its turn comes later: the same characters, maybe in another order.
          assert.deepEqual([...shown(decoded, type)].sort(), [...shown(events, type)].sort(), note());
        }
      }
      watch(protocol, text, failed, note);
    }
  });
}

/** The byte-level inspector agrees with the decoder on every event of the stream. */
function watch(protocol: typeof anthropic, text: string, failed: boolean, note: () => string): void {
  const inspector = protocol.createInspector({ keepText: 1 << 20 });
  let flags = 0;
  new EventSplitter("sse").push(Buffer.from(text), {
    onEvent(buffer, start, end) {
      const found = inspector.inspect(buffer, start, end);
      assert.equal(found & MALFORMED, 0, note());
      flags |= found;
      return true;
    },
  });
  assert.equal((flags & TERMINAL) !== 0, !failed, note());
  if (!failed) assert.ok((flags & FINISH) !== 0, note());
  assert.equal(inspector.error !== null, failed, note());
}

test("legal sequences come back event for event in content: text, thinking, calls and their arguments", () => {
  const seed = seedOf(6);
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  for (let round = 0; round < 2000; round++) {
    const events: StreamEvent[] = [{ type: "start", id: "x", model: "m", created: 1 }];
    const wanted: string[] = [];
    let last = "";
    for (let i = 0; i < 1 + Math.floor(random() * 5); i++) {
      const kinds = (["text", "thinking", "call"] as const).filter(
        (kind) => kind !== last || kind === "call",
      );
      const kind = pick(kinds);
      last = kind;
      const pieces = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
        pick(["a", "ü", "😀 ", '"\\', "\n"]),
      );
      if (kind === "call") {
        const args = JSON.stringify({ v: pieces.join(""), n: i });
        events.push({ type: "part", c: 0, i, kind: "call", id: `call_${i}`, name: "f", custom: false });
        for (const text of args.match(/[\s\S]{1,3}/gu) ?? [])
          events.push({ type: "arguments", c: 0, i, text });
        wanted.push(`call:${args}`);
      } else {
        events.push({ type: "part", c: 0, i, kind });
        const type = kind === "text" ? "text" : "think";
        for (const text of pieces) events.push({ type, c: 0, i, text });
        wanted.push(`${kind}:${pieces.join("")}`);
      }
      events.push({ type: "close", c: 0, i });
    }
    events.push({ type: "stop", c: 0, stop: { reason: "stop" } }, { type: "end" });
    for (const name of ["anthropic", "openai-chat"] as const) {
      const protocol = protocolNamed(name);
      const parsed = parse(conversion(protocol).encodeStream(events));
      const decoded = new Conversion(protocol, protocol).decodeStream(
        parsed.map(({ event, data }) => [event, data] as const),
      );
      const found: string[] = [];
      for (const event of decoded) {
        if (event.type === "part" && event.kind !== "image") found.push(`${event.kind}:`);
        if (event.type === "text" || event.type === "think" || event.type === "arguments") {
          found[found.length - 1] += event.text;
        }
      }
      assert.deepEqual(found, wanted, `SEED=${seed} round ${round} ${name}`);
    }
  }
});

const RECORDED: readonly (readonly [typeof anthropic, string])[] = [
  [
    openaiChat,
    ': hi\r\n\r\ndata: {"id":"c","created":1,"model":"m","choices":[],"prompt_filter_results":[]}\r\n\r\n' +
      'data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n' +
      'data: {"id":"c","choices":[{"index":0,"delta":{"reasoning_content":"Grüß"},"finish_reason":null}]}\n\n' +
      'data: {"id":"c","choices":[{"index":0,"delta":{"content":"漢字😀"},"finish_reason":null}]}\r\n\r\n' +
      'data: {"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{\\"é\\":1}"}}]},"finish_reason":null}]}\n\n' +
      'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\n' +
      'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\ndata: [DONE]\n\n',
  ],
  [
    anthropic,
    'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":3,"output_tokens":1}}}\n\n' +
      'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n: c\n\nevent: ping\ndata: {"type":"ping"}\n\n' +
      'event: content_block_delta\r\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"漢字😀 é"}}\r\n\r\n' +
      'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n' +
      'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}\n\n' +
      'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  ],
];

/** Neutral events and inspector flags of a stream that comes in the given pieces. */
function receive(protocol: typeof anthropic, pieces: readonly Buffer[]) {
  const splitter = new EventSplitter("sse");
  const inspector = protocol.createInspector({ keepText: 1000 });
  const run = new Conversion(protocol, protocol);
  const decoded: [string, string][] = [];
  const flags: number[] = [];
  const fields = { event: "", data: "", hasData: false };
  const sink = {
    onEvent(buffer: Buffer, start: number, end: number) {
      flags.push(inspector.inspect(buffer, start, end));
      if (parseSseFields(buffer, start, end, fields)) decoded.push([fields.event, fields.data]);
      return true;
    },
  };
  for (const piece of pieces) splitter.push(Buffer.from(piece), sink);
  splitter.finish(sink);
  return {
    events: run.decodeStream(decoded),
    flags,
    usage: inspector.usage,
    text: inspector.text?.toString(),
  };
}

test("a stream cut anywhere gives the same events and the same figures (case 41)", () => {
  for (const [protocol, text] of RECORDED) {
    const bytes = Buffer.from(text);
    const whole = receive(protocol, [bytes]);
    assert.ok(whole.flags.some((flags) => (flags & CONTENT) !== 0));
    assert.equal(whole.events.at(-1)?.type, "end");
    for (let at = 0; at <= bytes.length; at++) {
      assert.deepEqual(receive(protocol, [bytes.subarray(0, at), bytes.subarray(at)]), whole, `cut at ${at}`);
    }
    for (const size of [1, 2, 3, 7]) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
      assert.deepEqual(receive(protocol, pieces), whole, `pieces of ${size}`);
    }
  }
});
