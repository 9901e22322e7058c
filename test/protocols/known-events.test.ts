/** Events that are recognised say what a walk over them says, however the stream is cut and whatever stands in it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AnthropicInspector } from "../../src/protocols/anthropic/inspector.ts";
import { ChatInspector } from "../../src/protocols/openai-chat/inspector.ts";
import { CONTENT, REASONING, type StreamPosition, TOOL_CALL } from "../../src/protocols/protocol.ts";
import { seededRandom, seedOf } from "../support/seed.ts";
import { type InspectorClass, tell } from "./support/event-facts.ts";

const START = '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"m-ü"';
const choice = (delta: string, behind = "", index = 0) =>
  `data: ${START},"choices":[{"index":${index},"delta":{${delta}},"finish_reason":null}]${behind}}\n\n`;
const text = (word: string, behind = "") => choice(`"content":"${word}"`, behind);
const WORDS = ["a", "b c", "Grüezi 😀", "\\n", "\\\\", '\\"}]', "\\u00e9", "", "long ".repeat(12), "~", "\\"];

const FINISH = `data: ${START},"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n`;
const USAGE = `data: ${START},"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n`;

const said = (name: string, data: string) => `event: ${name}\ndata: {"type":"${name}",${data}}\n\n`;
const delta = (inner: string, behind = "", index = 0) =>
  said("content_block_delta", `"index":${index},"delta":{${inner}}${behind}`);
const claude = (word: string, behind = "") => delta(`"type":"text_delta","text":"${word}"`, behind);
const thought = (word: string) => delta(`"thinking":"${word}","type":"thinking_delta"`);
const piece = (word: string) => delta(`"type":"input_json_delta","partial_json":"${word}"`);

const CLAUDE: readonly (readonly string[])[] = [
  [
    said(
      "message_start",
      '"message":{"id":"msg_1","model":"claude","usage":{"input_tokens":5,"output_tokens":1}}',
    ),
    said("content_block_start", '"index":0,"content_block":{"type":"text","text":""}'),
    ...WORDS.map((word) => claude(word)),
    said("content_block_stop", '"index":0'),
    ...WORDS.map((word) => delta(`"type":"text_delta","text":"${word}"`, "", 1)),
    said("message_delta", '"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}'),
    said("message_stop", '"x":1'),
  ],
  WORDS.flatMap((word) => [thought(word), thought("b"), piece(word), piece("c")]),
  WORDS.map((word) => thought(word)),
  WORDS.map((word) => piece(word)),
  WORDS.map((word) => claude(word).replaceAll("\n", "\r\n")),
  WORDS.map((word) => claude(word, `,"usage":{"output_tokens":${word.length}}`)),
  WORDS.map((word) => delta(`"type":"text_delta","text":"a"`, `,"other":{"text":"${word}"}`)),
  [
    claude("a"),
    claude("b"),
    claude('c"},"type":"error","error":{"message":"'),
    claude("d"),
    said("error", '"error":{}'),
  ],
  [claude("a"), claude("b\n"), claude("b\ndata: c"), claude("b\r"), claude("b\n\n"), claude("c\0")],
  [
    claude("a"),
    claude("b"),
    claude("c").replace("event:", "Event:"),
    claude("d"),
    said("ping", '"x":1'),
    claude("e"),
  ],
];

const CHAT: readonly (readonly string[])[] = [
  [
    choice('"role":"assistant","content":""'),
    ...WORDS.map((word) => text(word)),
    FINISH,
    USAGE,
    "data: [DONE]\n\n",
  ],
  WORDS.map((word) => text(word, `,"usage":null,"obfuscation":"${"x".repeat(word.length % 7)}"`)),
  WORDS.map((word) => choice(`"reasoning_content":"${word}"`)),
  WORDS.map((word) => choice(`"tool_calls":[{"index":0,"function":{"arguments":"${word}"}}]`)),
  WORDS.map((word) => text(word).replaceAll("\n", "\r\n")),
  WORDS.map((word) => `event: message\n${text(word)}`),
  WORDS.flatMap((word) => [text(word), ": ping\n\n", choice(`"refusal":"${word}"`), "\n"]),
  WORDS.map((word, at) => choice(`"content":"${word}"`, "", at % 3)),
  [text("a"), text("b"), text('c"}}],"error":{"message":"no"},"x":[{"y":{"z":"'), text("d")],
  [text("a"), text("b\n"), text("b\ndata: c"), text("b\r"), text("b\r\n\r\n"), text("b\n\n"), text("c\0")],
  [text("a"), text("b"), text("c").slice(0, -1), text("d"), text("e").slice(0, -4), text("f")],
  [text("a"), text("b"), text("c").replace("}\n", "}}\n"), text("d").replace("]", "}"), text("e")],
  [text("a"), text("b"), text("c").replace("1764000000", "1764000001"), text("d")],
  WORDS.map((word, at) =>
    text("a")
      .replace("chatcmpl-1", word)
      .replace("1764000000", String(at % 3)),
  ),
  WORDS.map((word) => text("a").replace("1764000000", word)),
  [text("a"), text("b").replace('"id":"chatcmpl-1"', '"id":"","id":"c-2"'), text("c"), text("d")],
  [text("a").replace("1764000000", "0"), text("b").replace("1764000000", "5"), text("c")],
  [text("a"), text("b").replace("1764000000", "17.5e3"), text("c").replace("1764000000", "")],
  [text("a", `,"long":"${"y".repeat(400)}"`), text("b", `,"long":"${"y".repeat(400)}"`)],
  [text("a", ',"usage":{"prompt_tokens":3}'), text("b", ',"usage":{"prompt_tokens":4}'), text("c")],
  [text("a"), text("b"), `data: ${START},"error":{"message":"no"}}\n\n`, text("c")],
  [text("a"), "data: x\ndata: y\n\n", `${text("b").trimEnd()}\ndata: z\n\n`, text("c")],
  ['data: {"choices":[{"delta":{"content":"x"}}]}\n\n', 'data: {"choices":[{"delta":{"content":"y"}}]}\n\n'],
];

const STREAMS = [
  ...CHAT.map((events) => ({ Inspector: ChatInspector, events })),
  ...CLAUDE.map((events) => ({ Inspector: AnthropicInspector, events })),
];

function sameWhereverCut(Inspector: InspectorClass, bytes: Buffer, cuts: Iterable<readonly number[]>): void {
  const { told, rest } = tell(Inspector, [bytes], true);
  const wanted = JSON.stringify(told);
  for (const cut of cuts) {
    const pieces = [0, ...cut].map((from, i) => Buffer.from(bytes.subarray(from, cut[i] ?? bytes.length)));
    const other = tell(Inspector, pieces, false);
    if (JSON.stringify(other.told) !== wanted)
      assert.deepEqual(other.told, told, JSON.stringify({ cut, text: bytes.toString("latin1") }));
    assert.equal(other.rest, rest);
  }
}

test("a stream says the same cut at any byte", () => {
  for (const { Inspector, events } of STREAMS) {
    const bytes = Buffer.from(events.join(""));
    const everywhere = Array.from({ length: bytes.length - 1 }, (_, at) => [at + 1]);
    sameWhereverCut(Inspector, bytes, [[], ...everywhere]);
  }
});

test("mutated streams say the same in any pieces", () => {
  const seed = seedOf(20261126);
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const odd = [
    '"',
    "\\",
    "\n",
    "\r",
    "\0",
    "}",
    "]",
    ",",
    ":",
    " ",
    "\n\n",
    "ü",
    "data:",
    '"error":{}',
    '"usage":{}',
  ];
  for (let round = 0; round < 1500; round++) {
    const { Inspector, events } = STREAMS[below(STREAMS.length)] ?? { Inspector: ChatInspector, events: [] };
    const stream = [...events];
    for (let i = below(3); i >= 0; i--) {
      const which = below(stream.length);
      const event = stream[which] ?? "";
      const at = below(event.length);
      stream[which] = event.slice(0, at) + (odd[below(odd.length)] ?? "") + event.slice(at + below(3));
    }
    // What differs from its neighbours in a byte is followed by what was known.
    const bytes = Buffer.from([...stream, ...stream].join(""));
    const cuts = Array.from({ length: below(5) }, () => below(bytes.length)).sort((a, b) => a - b);
    try {
      sameWhereverCut(Inspector, bytes, [[], cuts]);
    } catch (error) {
      throw new Error(`SEED=${seed} round ${round}: ${(error as Error).message}`);
    }
  }
});

test("words, reasoning and arguments of calls are recognised from the second on, with padding of any length", () => {
  const kinds: [(word: string) => string, number, typeof AnthropicInspector?][] = [
    [(word) => text(word), CONTENT],
    [(word) => text(word, `,"obfuscation":"${"x".repeat(word.length)}"`), CONTENT],
    [(word) => choice(`"content":null,"reasoning":"${word}"`), CONTENT | REASONING],
    [(word) => choice(`"tool_calls":[{"index":1,"function":{"arguments":"${word}"}}]`), CONTENT | TOOL_CALL],
    [(word) => claude(word), CONTENT, AnthropicInspector],
    [thought, CONTENT | REASONING, AnthropicInspector],
    [piece, CONTENT | TOOL_CALL, AnthropicInspector],
  ];
  for (const [kind, flags, Inspector = ChatInspector] of kinds) {
    const { told, recognised } = tell(
      Inspector,
      [Buffer.from(["one", "two", 't\\"hree', "four ".repeat(99)].map(kind).join(""))],
      false,
    );
    assert.equal(recognised, 3);
    assert.deepEqual([...new Set(told.map((fact) => fact.flags))], [flags]);
  }
});

test("the id and the time of an answer may be others, as those of another stream are; the first are told", () => {
  const events = ["one", "two", "three"].map((word, at) =>
    text(word)
      .replace("chatcmpl-1", `chatcmpl-${at}${"x".repeat(at)}`)
      .replace("1764000000", `${9 + at}`),
  );
  const { told, recognised } = tell(ChatInspector, [Buffer.from(events.join(""))], false);
  assert.equal(recognised, 2);
  const firsts = told.map(({ facts }) => (facts as { position: StreamPosition }).position);
  assert.deepEqual(
    firsts.map(({ id, created }) => [id, created]),
    Array(3).fill(["chatcmpl-0", 9]),
  );
});

test("what is learned is bounded: long events, many strings, and streams whose events are never alike", () => {
  const count = (events: readonly string[]) =>
    tell(ChatInspector, [Buffer.from(events.join(""))], false).recognised;
  const padded = (fixed: number) => {
    const values = Buffer.byteLength("chatcmpl-1" + "1764000000");
    const padding = fixed + values - Buffer.byteLength(text("", ',"p":""'));
    return ["a", "b"].map((word) => text(word, `,"p":"${"y".repeat(padding)}"`));
  };
  assert.equal(count(padded(384)), 1);
  assert.equal(count(padded(385)), 0);
  const calls = (n: number) =>
    choice(`"tool_calls":[${Array.from({ length: n }, () => '{"function":{"arguments":"x"}}').join(",")}]`);
  assert.equal(count([calls(4), calls(4)]), 1);
  assert.equal(count([calls(5), calls(5)]), 0);
  const others = (n: number) => Array.from({ length: n }, (_, at) => text("a", `,"n":${at}`));
  assert.equal(count([...others(7), text("a"), text("b")]), 1);
  assert.equal(count([...others(8), text("a"), text("b")]), 0);
});
