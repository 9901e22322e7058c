import assert from "node:assert/strict";
import { test } from "node:test";
import { EventSplitter, parseSseFields } from "../../src/base/sse.ts";
import { AnswerAssembler } from "../../src/protocols/answer-assembly.ts";
import { anthropic } from "../../src/protocols/anthropic/anthropic.ts";
import { cohere, cohereV1 } from "../../src/protocols/cohere/cohere.ts";
import { gemini } from "../../src/protocols/gemini/gemini.ts";
import type { StreamEvent } from "../../src/protocols/neutral.ts";
import { openaiChat } from "../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../src/protocols/openai-responses/openai-responses.ts";
import { type ChatProtocol, CONTENT, FINISH } from "../../src/protocols/protocol.ts";
import { Conversion } from "./support/conversion.ts";

const TEXT = ["Zoë ", 'says "hi"', "\n", "😀 ", "\\o/", " end"];
const BODIES: Readonly<Record<string, object>> = {
  gemini: { contents: [{ parts: [{ text: "x" }] }] },
  "cohere-v1": { message: "x" },
  "openai-responses": { model: "m", input: "x" },
  anthropic: { model: "m", max_tokens: 9, messages: [{ role: "user", content: "x" }] },
};

function begun(protocol: ChatProtocol): Conversion {
  const conversion = new Conversion(protocol, protocol, { stream: true });
  conversion.decodeRequest(
    BODIES[protocol.name] ?? { model: "m", messages: [{ role: "user", content: "x" }] },
  );
  return conversion;
}

function answer(pieces: readonly string[]): StreamEvent[] {
  return [
    { type: "start", id: "29f14a5a-11de-4cae-9800-25e4747408ea", model: "m", created: 1 },
    { type: "part", c: 0, i: 0, kind: "text" },
    ...pieces.map((text) => ({ type: "text", c: 0, i: 0, text }) as const),
    { type: "close", c: 0, i: 0 },
    { type: "stop", c: 0, stop: { reason: "stop" } },
    {
      type: "usage",
      usage: {
        input: 1,
        cacheRead: null,
        cacheWrite: null,
        cacheWriteLong: null,
        output: 2,
        reasoning: null,
      },
    },
    { type: "end" },
  ];
}

/** The stream's events on the wire, one each. */
function wireEvents(protocol: ChatProtocol, text: string): Buffer[] {
  const events: Buffer[] = [];
  const splitter = new EventSplitter(protocol.framing);
  splitter.push(Buffer.from(text), {
    onEvent(buffer, start, end) {
      events.push(Buffer.from(buffer.subarray(start, end)));
      return true;
    },
  });
  return events;
}

function read(protocol: ChatProtocol, events: readonly Buffer[]): StreamEvent[] {
  const conversion = begun(protocol);
  const { large } = conversion.decodeRequest(
    BODIES[protocol.name] ?? { model: "m", messages: [{ role: "user", content: "x" }] },
  );
  const decoder = protocol.createDecoder(conversion.convertContext(large));
  const fields = { event: "", data: "", hasData: false };
  const out: StreamEvent[] = [];
  for (const event of events) {
    if (protocol.framing === "ndjson") decoder.decode(event.toString(), "", out);
    else if (parseSseFields(event, 0, event.length, fields)) decoder.decode(fields.data, fields.event, out);
  }
  decoder.finish(out);
  return out;
}

for (const protocol of [gemini, cohere, cohereV1, openaiChat, openaiResponses, anthropic]) {
  test(`a relayed ${protocol.name} stream cut after any event and gone on with by another target is one answer`, () => {
    const events = wireEvents(protocol, begun(protocol).encodeStream(answer(TEXT)));
    const whole = TEXT.join("");
    let cuts = 0;
    for (let cut = 1; cut < events.length; cut++) {
      const inspector = protocol.createInspector({ keepText: 10_000 });
      let seen = 0;
      for (const event of events.slice(0, cut)) seen |= inspector.inspect(event, 0, event.length);
      // Before content another target is asked, after the finish nothing is missing.
      if ((seen & CONTENT) === 0 || (seen & FINISH) !== 0) continue;
      cuts++;
      const told = JSON.parse(`"${inspector.text}"`);
      assert.ok(whole.startsWith(told), `cut at ${cut}`);
      const conversion = begun(protocol);
      const encoder = protocol.createEncoder(conversion.answerContext(), inspector.position());
      const rest = answer([whole.slice(told.length)])
        .map((event) => encoder.encode(event))
        .join("");
      const out = read(protocol, [...events.slice(0, cut), ...wireEvents(protocol, rest)]);
      assert.equal(out.at(-1)?.type, "end", `cut at ${cut}`);
      const assembler = new AnswerAssembler();
      for (const event of out) assembler.push(event);
      const result = assembler.result();
      const texts = result.candidates[0]?.parts.map((part) => (part.type === "text" ? part.text : part.type));
      assert.equal(texts?.join(""), whole, `cut at ${cut}`);
      assert.equal(result.candidates[0]?.stop.reason, "stop");
    }
    assert.ok(cuts >= TEXT.length - 1, `${cuts} cuts`);
  });
}
