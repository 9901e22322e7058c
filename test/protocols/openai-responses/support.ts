/** Events, grammar check and relay for the tests of the Responses protocol. */
import assert from "node:assert/strict";
import type { ResponseStreamEvent } from "openai/resources/responses/responses";
import type { StreamEvent } from "../../../src/protocols/neutral.ts";
import { openaiResponses } from "../../../src/protocols/openai-responses/openai-responses.ts";
import { startAnswerServer } from "../support/answer-server.ts";
import { Conversion, sseData } from "../support/conversion.ts";

export const BODY = {
  model: "fast",
  input: "hi",
  stream: true,
  tools: [
    {
      type: "function",
      name: "weather",
      parameters: { type: "object", properties: { city: { type: "string" } } },
    },
    { type: "custom", name: "patch" },
    {
      type: "namespace",
      name: "agents",
      description: "Agents.",
      tools: [{ type: "function", name: "spawn" }],
    },
  ],
};

export const USAGE = {
  input: 12,
  cacheRead: 4,
  cacheWrite: null,
  cacheWriteLong: null,
  output: 9,
  reasoning: 5,
};

export function ended(reason: "stop" | "length" | "filtered" = "stop"): StreamEvent[] {
  return [{ type: "usage", usage: USAGE }, { type: "stop", c: 0, stop: { reason } }, { type: "end" }];
}

export const THOUGHT_TEXT_CALL: StreamEvent[] = [
  { type: "start", id: "msg_1", model: "claude-x", created: 0 },
  { type: "part", c: 0, i: 0, kind: "thinking" },
  { type: "think", c: 0, i: 0, text: "let me " },
  { type: "think", c: 0, i: 0, text: "think" },
  { type: "signature", c: 0, i: 0, signature: { vendor: "anthropic", value: "sig+/=" } },
  { type: "close", c: 0, i: 0 },
  { type: "part", c: 0, i: 1, kind: "text" },
  { type: "text", c: 0, i: 1, text: "Hel" },
  { type: "text", c: 0, i: 1, text: 'lo\n"you" 😀' },
  { type: "cite", c: 0, i: 1, citation: { start: 0, end: 5, url: "https://x.example/", title: "X" } },
  { type: "close", c: 0, i: 1 },
  { type: "part", c: 0, i: 2, kind: "call", id: "call_1", name: "weather", custom: false },
  { type: "arguments", c: 0, i: 2, text: '{"city":' },
  { type: "arguments", c: 0, i: 2, text: '"Graz"}' },
  { type: "close", c: 0, i: 2 },
  { type: "part", c: 0, i: 3, kind: "call", id: "call_2", name: "weather", custom: false },
  { type: "close", c: 0, i: 3 },
  ...ended(),
];

export const LONG_TEXT: StreamEvent[] = [
  { type: "start", id: "resp_upstream", model: "first", created: 77 },
  { type: "part", c: 0, i: 0, kind: "thinking" },
  { type: "think", c: 0, i: 0, text: "hm" },
  { type: "close", c: 0, i: 0 },
  { type: "part", c: 0, i: 1, kind: "text" },
  { type: "text", c: 0, i: 1, text: "one " },
  { type: "text", c: 0, i: 1, text: '"two" ' },
  { type: "text", c: 0, i: 1, text: "three" },
  { type: "close", c: 0, i: 1 },
  ...ended(),
];

/** A conversation of a Responses caller that was just sent. */
export function conversion(body: unknown = BODY): Conversion {
  const run = new Conversion(openaiResponses, openaiResponses);
  run.requestText(body);
  return run;
}

export function encode(events: readonly StreamEvent[], body: unknown = BODY): string {
  return conversion(body).encodeStream(events);
}

/** Plays wire text in pieces that cut events anywhere. */
export async function startStream(text: string) {
  const pieces = text.match(/[\s\S]{1,97}/g) ?? [];
  return startAnswerServer(() => ({ contentType: "text/event-stream", body: pieces }));
}

/** Relays wire text event by event through an inspector, up to `count` events. */
export function relay(text: string, count = Number.POSITIVE_INFINITY) {
  const inspector = openaiResponses.createInspector({ keepText: 65536 });
  const blocks = text.split(/(?<=\n\n)/).slice(0, count);
  const flags = blocks.map((block) => {
    const bytes = Buffer.from(`junk${block}`);
    return inspector.inspect(bytes, 4, bytes.length);
  });
  return { inspector, blocks, flags };
}

/** The grammar of 40-protocols 3.2 and 3.4, by hand, since the SDKs let some of it pass. */
export function checkGrammar(text: string): ResponseStreamEvent[] {
  for (const block of text.split("\n\n")) {
    if (block === "" || block.startsWith(":")) continue;
    const [event, data, more] = block.split("\n");
    assert.equal(more, undefined, "one data line an event");
    assert.equal(event, `event: ${JSON.parse((data ?? "").slice(6)).type}`);
  }
  const events = sseData(text) as ResponseStreamEvent[];
  events.forEach((event, index) => {
    assert.equal(
      (event as { sequence_number: number }).sequence_number,
      index,
      "sequence numbers are consecutive",
    );
  });
  assert.equal(events[0]?.type, "response.created");
  const ids = new Map<number, string>();
  const done: unknown[] = [];
  let next = 0;
  for (const event of events) {
    if (event.type === "response.output_item.added") {
      assert.equal(event.output_index, next++, "output_index is dense");
      ids.set(event.output_index, String((event.item as { id?: string }).id));
    } else if (event.type === "response.output_item.done") {
      assert.equal((event.item as { id?: string }).id, ids.get(event.output_index));
      done[event.output_index] = event.item;
    } else if ("item_id" in event && "output_index" in event) {
      assert.equal(event.item_id, ids.get(event.output_index), event.type);
    }
  }
  assert.equal(new Set(ids.values()).size, ids.size, "item ids are unique");
  const last = events[events.length - 1];
  if (last?.type === "response.completed" || last?.type === "response.incomplete") {
    assert.deepEqual(last.response.output, done, "the terminal response equals the sum");
  }
  return events;
}

/** The terminal response of a stream that keeps the grammar. */
export function finalResponse(text: string) {
  const events = checkGrammar(text);
  const last = events[events.length - 1];
  assert.ok(last?.type === "response.completed" || last?.type === "response.incomplete", last?.type);
  return last.response;
}
