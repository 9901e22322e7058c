/** Answers of as many small things as an upstream may send: their time and their text are theirs, not those of their square. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anthropic } from "../../src/protocols/anthropic/anthropic.ts";
import { cohere } from "../../src/protocols/cohere/cohere.ts";
import { gemini } from "../../src/protocols/gemini/gemini.ts";
import { ollama } from "../../src/protocols/ollama/ollama.ts";
import { openaiChat } from "../../src/protocols/openai-chat/openai-chat.ts";
import { openaiResponses } from "../../src/protocols/openai-responses/openai-responses.ts";
import type { ChatProtocol } from "../../src/protocols/protocol.ts";
import { protocolNamed } from "../../src/protocols/registry.ts";
import { Conversion } from "./support/conversion.ts";

/** Of processor time; each takes under one second where nothing else runs. */
const MOST_MS = 6000;
/** Characters out for each that came in; and those of the citations, which are bounded by themselves. */
const MOST_GROWTH = 30;
const MOST_CITED = 32 * 1024 * 1024;

const cohereV1 = protocolNamed("cohere-v1");
const MESSAGES = [{ role: "user", content: "hi" }];
const ASK: Readonly<Record<string, object>> = {
  "openai-responses": { input: "hi" },
  anthropic: { max_tokens: 9, messages: MESSAGES },
  gemini: { contents: [{ role: "user", parts: [{ text: "hi" }] }] },
  "cohere-v1": { message: "hi" },
};

function list<T>(length: number, make: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => make(index));
}

function url(i: number): string {
  return `http://u/${i}`;
}

function chunk(delta: object, finish: string | null = null): object {
  return { id: "x", model: "m", choices: [{ index: 0, delta, finish_reason: finish }] };
}

function annotation(i: number, range: object = { start_index: 0, end_index: 3 }): object {
  return { type: "url_citation", url_citation: { url: url(i), title: "t", ...range } };
}

function part(parts: readonly object[], rest: object = {}): object {
  return { candidates: [{ index: 0, content: { role: "model", parts }, ...rest }] };
}

const STOP = chunk({}, "stop");
const GEMINI_STOP = part([], { finishReason: "STOP" });

type Events = readonly (object | readonly [string, object])[];

const STREAMS: Readonly<Record<string, readonly [ChatProtocol, readonly ChatProtocol[], () => Events]>> = {
  "contents of one item whose event has as many other members": [
    openaiResponses,
    [openaiChat],
    () => [
      {
        type: "response.output_item.done",
        output_index: 0,
        ...Object.fromEntries(list(10_000, (i) => [`k${i}`, 1])),
        item: { type: "message", content: list(10_000, () => ({ type: "output_text", text: "x" })) },
      },
      { type: "response.completed", response: { id: "r", status: "completed", output: [] } },
    ],
  ],
  "blanks where a tag may begin": [
    openaiChat,
    [openaiChat],
    () => [...list(200_000, () => chunk({ content: " " })), chunk({ content: "x" }), STOP],
  ],
  "citations in turn with their text": [
    openaiChat,
    [gemini],
    () => [...list(60_000, (i) => chunk({ content: "abc", annotations: [annotation(i)] })), STOP],
  ],
  "citations of all of a long text": [
    openaiChat,
    [anthropic, gemini, openaiResponses, cohere, cohereV1],
    () => [
      chunk({ content: "x".repeat(100_000), annotations: list(50_000, (i) => annotation(i, {})) }),
      STOP,
    ],
  ],
  "signatures of one call": [
    anthropic,
    [openaiChat, openaiResponses, anthropic],
    () => [
      { type: "message_start", message: { id: "m", model: "x" } },
      {
        type: "content_block_start",
        index: 0,
        content_block: { type: "tool_use", id: "t", name: "f", input: {} },
      },
      ...list(20_000, (i) => ({
        type: "content_block_delta",
        index: 0,
        delta: { type: "signature_delta", signature: `s${i}` },
      })),
      { type: "content_block_stop", index: 0 },
      { type: "message_delta", delta: { stop_reason: "tool_use" } },
      { type: "message_stop" },
    ],
  ],
  "texts, each of which is cited": [
    gemini,
    [openaiChat],
    () => [
      ...list(80_000, () => part([{ text: "x" }])),
      part([], {
        groundingMetadata: {
          groundingChunks: list(80_000, (i) => ({ web: { uri: url(i), title: "t" } })),
          groundingSupports: list(80_000, (i) => ({
            segment: { startIndex: i, endIndex: i + 1 },
            groundingChunkIndices: [i],
          })),
        },
      }),
      GEMINI_STOP,
    ],
  ],
  "one long source that is cited again and again": [
    gemini,
    [openaiChat, anthropic, cohere],
    () => [
      part([{ text: "x" }]),
      part([], {
        groundingMetadata: {
          groundingChunks: [{ web: { uri: `http://u/${"x".repeat(100_000)}`, title: "t" } }],
          groundingSupports: [
            { segment: { startIndex: 0, endIndex: 1 }, groundingChunkIndices: list(100_000, () => 0) },
          ],
        },
      }),
      GEMINI_STOP,
    ],
  ],
  "items of lists that were left empty": [
    gemini,
    [openaiChat],
    () => [
      part([{ functionCall: { name: "f", willContinue: true } }]),
      ...list(10_000, (i) =>
        part([
          {
            functionCall: {
              partialArgs: [{ jsonPath: `$.a${i}[9999]`, numberValue: 1 }],
              willContinue: i < 9999,
            },
          },
        ]),
      ),
      GEMINI_STOP,
    ],
  ],
  "documents, cited from the last to the first": [
    cohereV1,
    [openaiChat],
    () => [
      { event_type: "text-generation", text: "abcdef" },
      {
        event_type: "stream-end",
        finish_reason: "COMPLETE",
        response: {
          citations: [{ start: 0, end: 5, text: "x", document_ids: list(60_000, (i) => `d${59_999 - i}`) }],
          documents: list(60_000, (i) => ({ id: `d${i}`, url: url(i) })),
        },
      },
    ],
  ],
};

const WHOLE: Readonly<Record<string, readonly [ChatProtocol, readonly ChatProtocol[], () => object]>> = {
  "citations of one text": [
    openaiChat,
    [openaiChat, anthropic, gemini, cohere, cohereV1, ollama],
    () => ({
      choices: [
        {
          index: 0,
          message: { content: "x".repeat(100_000), annotations: list(150_000, (i) => annotation(i)) },
        },
      ],
    }),
  ],
  "citations of one text, one by one": [
    cohere,
    [openaiChat],
    () => ({
      finish_reason: "COMPLETE",
      message: {
        content: [{ type: "text", text: "abcdef" }],
        citations: list(150_000, (i) => ({
          start: 0,
          end: 5,
          sources: [{ type: "document", document: { url: url(i), title: "t" } }],
        })),
      },
    }),
  ],
  "log probabilities": [
    openaiResponses,
    [openaiChat, openaiResponses],
    () => ({
      status: "completed",
      output: [
        {
          type: "message",
          content: [
            { type: "output_text", text: "x", logprobs: list(200_000, () => ({ token: "x", logprob: 0 })) },
          ],
        },
      ],
    }),
  ],
};

function check(
  name: string,
  from: ChatProtocol,
  to: ChatProtocol,
  stream: boolean,
  make: () => unknown,
): void {
  test(`${name}: ${from.name} from ${to.name}`, () => {
    const conversion = new Conversion(from, to, { stream, convert: { thinkTags: name.includes("tag") } });
    conversion.requestPieces({ model: "m", ...(ASK[from.name] ?? { messages: MESSAGES }) });
    const made = make();
    const size = JSON.stringify(made).length;
    const began = process.cpuUsage();
    const out = stream
      ? streamLength(conversion, made as Events)
      : from.encodeResponse(conversion.decodeAnswer(made), conversion.answerContext()).length;
    const { user, system } = process.cpuUsage(began);
    const took = Math.round((user + system) / 1000);
    assert.ok(took < MOST_MS, `took ${took} ms`);
    assert.ok(out < MOST_GROWTH * size + MOST_CITED, `${size} characters became ${out}`);
  });
}

function streamLength(conversion: Conversion, events: Events): number {
  const encoder = conversion.from.createEncoder(conversion.answerContext());
  return conversion.decodeStream(events).reduce((sum, event) => sum + encoder.encode(event).length, 0);
}

for (const [name, [to, callers, make]] of Object.entries(STREAMS)) {
  for (const from of callers) check(name, from, to, true, make);
}
for (const [name, [to, callers, make]] of Object.entries(WHOLE)) {
  for (const from of callers) check(name, from, to, false, make);
}
