/** What an answer may make the gateway keep ends somewhere, and then the answer fails: nothing of it is left out in its middle. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../src/protocols/anthropic/anthropic.ts";
import type { StreamEvent } from "../../src/protocols/neutral.ts";
import { openaiChat } from "../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../src/protocols/openai-responses/openai-responses.ts";
import { Conversion } from "./support/conversion.ts";

const MI = 1024 * 1024;
const TEXT = "x".repeat(MI);
const MESSAGES = [{ role: "user", content: "hi" }];

function chunk(delta: object, rest: object = {}): object {
  return { id: "x", model: "m", choices: [{ index: 0, delta, finish_reason: null, ...rest }] };
}

function call(args: string, rest: object = {}): object {
  return chunk({ tool_calls: [{ index: 0, id: "c", ...rest, function: { arguments: args, ...rest } }] });
}

function decode(events: readonly object[]): readonly StreamEvent[] {
  const conversion = new Conversion(anthropic, openaiChat, { stream: true });
  conversion.requestPieces({ model: "m", max_tokens: 9, messages: MESSAGES });
  return conversion.decodeStream(events);
}

function failuresOf(events: readonly StreamEvent[]): string[] {
  return events.flatMap((event) => (event.type === "error" ? [event.error.message] : []));
}

test("arguments in front of their call's name: 1 Mi characters are kept, more fail the answer", () => {
  const name = call("", { name: "f" });
  const kept = decode([call(`"${TEXT.slice(2)}"`), name]);
  assert.deepEqual(failuresOf(kept), ["the upstream's stream ended before the answer was complete"]);
  assert.equal(kept.find((event) => event.type === "arguments")?.text.length, MI);
  const [failure] = failuresOf(decode([call(`"${TEXT}`), call('"'), name]));
  assert.equal(failure, "the model's tool call is too large");
});

test("arguments of one call: 32 Mi characters fail the answer", () => {
  const conversion = new Conversion(anthropic, openaiChat, { stream: true });
  conversion.requestPieces({ model: "m", max_tokens: 9, messages: MESSAGES });
  const encoder = conversion.from.createEncoder(conversion.answerContext());
  const pieces = Array.from({ length: 33 }, () => call(TEXT));
  const written = conversion
    .decodeStream([call('"', { name: "f" }), ...pieces])
    .map((event) => encoder.encode(event))
    .filter((text) => text.includes("event: error"));
  assert.match(written[0] ?? "", /the model's tool call is too large/);
});

/** What 40 of these events become for a caller of Responses. */
function respond(event: object): string[] {
  const conversion = new Conversion(openaiResponses, openaiChat, { stream: true });
  conversion.requestPieces({ model: "m", input: "hi", include: ["message.output_text.logprobs"] });
  const encoder = conversion.from.createEncoder(conversion.answerContext());
  return conversion.decodeStream(Array.from({ length: 40 }, () => event)).map((due) => encoder.encode(due));
}

test("log probabilities count for the 32 Mi characters that a Responses answer repeats at its end", () => {
  const content = [{ token: TEXT, logprob: -1, bytes: null, top_logprobs: [] }];
  const written = respond(chunk({ content: "a" }, { logprobs: { content } }));
  const failed = written.find((text) => text.includes("response.failed"));
  assert.match(failed ?? "", /too long to be repeated/);
});

test("citations past 8 Mi characters are left out", () => {
  const annotations = [{ type: "url_citation", url_citation: { url: `http://u/${TEXT}`, title: "t" } }];
  const written = respond(chunk({ content: "a", annotations }));
  assert.equal(written.filter((text) => text.includes("annotation.added")).length, 7);
});
