/** A whole answer that is like one before says what it says by itself, whatever stands in it and however it is cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KnownAnswers } from "../../src/protocols/known-answers.ts";
import { protocolNamed } from "../../src/protocols/registry.ts";
import { seededRandom, seedOf } from "../support/seed.ts";
import { CountingAnswers, type Dialect, say } from "./support/whole-answers.ts";

/** An answer with other strings and numbers in it. */
type Form = (word: string, n: number | string) => string;

const chat =
  (message: string, usage: string, behind = "") =>
  (word: string, n: number | string) =>
    `{"id":"chatcmpl-${n}","object":"chat.completion","created":176400000${n},"model":"m","choices":[{"index":0,"message":{"role":"assistant",${message.replaceAll("WORD", word)}},"logprobs":null,"finish_reason":"stop"}],"usage":${(usage + behind).replaceAll("N", String(n))}}`;
const FLAT = '{"prompt_tokens":N,"completion_tokens":9N,"total_tokens":99N}';
const FULL =
  '{"prompt_tokens":N,"completion_tokens":7,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":N,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":3N,"audio_tokens":0}}';
const PRETTY = `${JSON.stringify(JSON.parse(chat('"content":"WORD"', FULL)("WORD", 777)), null, 2)}\n`;
const claude = (content: string, usage: string) => (word: string, n: number | string) =>
  `{"id":"msg_${n}","type":"message","role":"assistant","model":"claude","content":[${content.replaceAll("N", String(n)).replaceAll("WORD", word)}],"stop_reason":"end_turn","stop_sequence":null,"usage":${usage.replaceAll("N", String(n))}}`;
const CREATION = '{"ephemeral_5m_input_tokens":N,"ephemeral_1h_input_tokens":2N}';

const FORMS: readonly (readonly [Dialect, Form])[] = [
  ["openai-chat", chat('"content":"WORD"', FLAT)],
  ["openai-chat", chat('"content":"WORD","refusal":null', FULL, ',"service_tier":"default"')],
  ["openai-chat", (word, n) => PRETTY.replaceAll("WORD", word).replaceAll("777", String(n))],
  [
    "openai-chat",
    chat(
      '"content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"WORD"}}]',
      FLAT,
    ),
  ],
  [
    "openai-chat",
    chat(
      '"content":"WORD"',
      '{"queue_time":0.0N1,"prompt_tokens":N,"completion_tokens":1,"total_time":1e-N}',
    ),
  ],
  ["openai-chat", chat('"content":"WORD"', "null")],
  [
    "openai-chat",
    chat('"content":"WORD"', '{"prompt_tokens":N,"completion_tokens":null,"prompt_cache_hit_tokens":N}'),
  ],
  ["openai-chat", chat('"content":"WORD"', '{"prompt_tokens":N,"cost":"WORD"}'.replace("WORD", "0.1"))],
  ["openai-chat", chat('"usage":{"prompt_tokens":5},"content":"WORD"', FLAT, ',"usage":{"prompt_tokens":N}')],
  [
    "openai-chat",
    (word, n) => `{"usage":{"prompt_tokens":${n}},"choices":[{"message":{"content":"${word}"}}]}`,
  ],
  [
    "openai-chat",
    (word, n) => `{"Usage":{"prompt_tokens":${n}},"usage":{"prompt_tokens":1,"x":["${word}"]}}`,
  ],
  ["anthropic", claude('{"type":"text","text":"WORD"}', '{"input_tokens":N,"output_tokens":1N}')],
  [
    "anthropic",
    (word, n) => `{"type":"${word}","id":"msg_1","usage":{"input_tokens":${n},"output_tokens":1}}`,
  ],
  [
    "anthropic",
    claude(
      '{"type":"text","text":"WORD"}',
      `{"input_tokens":N,"cache_creation_input_tokens":2N,"cache_read_input_tokens":3N,"cache_creation":${CREATION},"output_tokens":N,"service_tier":"standard"}`,
    ),
  ],
  [
    "anthropic",
    claude(
      '{"type":"thinking","thinking":"WORD","signature":"s"},{"type":"tool_use","id":"t","name":"n","input":{"a":"WORD","b":N}}',
      '{"input_tokens":N,"cache_read_input_tokens":null,"output_tokens":8}',
    ),
  ],
  [
    "openai-responses",
    (word, n) =>
      `{"id":"resp_1","object":"response","created_at":${n},"status":"completed","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"${word}"}]}],"usage":{"input_tokens":${n},"output_tokens":4}}`,
  ],
  [
    "openai-responses",
    (word, n) =>
      `{"id":"resp_1","object":"response","output":[{"type":"message","content":[{"type":"output_text","text":"${word}"}]}],"usage":{"input_tokens":${n},"input_tokens_details":{"cached_tokens":3},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":1}}}`,
  ],
  [
    "gemini",
    (word, n) =>
      `{"candidates":[{"content":{"parts":[{"text":"${word}"}],"role":"model"},"finishReason":"STOP","avgLogprobs":-0.5${n}}],"usageMetadata":{"promptTokenCount":${n},"candidatesTokenCount":2,"thoughtsTokenCount":${n},"totalTokenCount":3},"modelVersion":"g"}`,
  ],
  [
    "gemini",
    (word, n) =>
      `{"candidates":[{"content":{"parts":[{"text":"${word}"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":${n},"candidatesTokenCount":2}}`,
  ],
  [
    "cohere",
    (word, n) =>
      `{"id":"1","finish_reason":"COMPLETE","message":{"role":"assistant","content":[{"type":"text","text":"${word}"}]},"usage":{"billed_units":{"input_tokens":${n},"output_tokens":3},"tokens":{"input_tokens":${n},"output_tokens":30}}}`,
  ],
  [
    "ollama",
    (word, n) =>
      `{"model":"llama","created_at":"2026-11-26T10:00:00Z","message":{"role":"assistant","content":"${word}"},"done":true,"done_reason":"stop","total_duration":${n}000,"prompt_eval_count":${n},"eval_count":5}`,
  ],
];

const WORDS = [
  "Hello there",
  "",
  "Grüezi 😀",
  '\\"usage\\": {\\"prompt_tokens\\":1}',
  'x\\"usage',
  "usage",
  "error",
  "errors",
  "\\u0065rror",
  "\\n\\t\\\\",
  "\\",
  "\\x",
  "\\u12g4",
  "\n",
  "\0",
  '","error":{"message":"no"},"x":"',
  "a long one ".repeat(200),
];
const NUMBERS = [
  1,
  4,
  12,
  0,
  123456789012345,
  "1234567890123456",
  "01",
  "1.5",
  "1e2",
  "-3",
  "-",
  "",
  "null",
  '"7"',
  "1 ",
  "true",
];

function knowing(name: Dialect, ...texts: string[]): CountingAnswers {
  const known = new CountingAnswers();
  for (const text of texts) say(name, [Buffer.from(text)], known);
  known.recalled = 0;
  known.learn = () => {};
  return known;
}

function saysTheSame(name: Dialect, body: Buffer, known: KnownAnswers): void {
  const wanted = say(name, [body]);
  const told = say(name, [body], known);
  if (JSON.stringify(told) !== JSON.stringify(wanted))
    assert.deepEqual(told, wanted, body.toString("latin1"));
}

test("an answer with other words and numbers in it is recalled, and tells its own usage", () => {
  for (const [name, form] of FORMS) {
    const known = knowing(name, form("a", 5), form("b c", 31));
    for (const word of WORDS) for (const n of NUMBERS) saysTheSame(name, Buffer.from(form(word, n)), known);
    const holdsError = form("a", 5).includes('"error"');
    const plain = ["b", "", "\\n", "Grüezi", "usage"].map((word, n) =>
      say(name, [Buffer.from(form(word, n + 1))], known),
    );
    assert.ok(
      plain.every(({ trouble }) => trouble === null),
      form("a", 5),
    );
    assert.ok(holdsError ? known.recalled === 0 : known.recalled > 50, `${form("a", 5)}: ${known.recalled}`);
  }
});

test("the usage of an answer that is recalled is not looked for, unless it is more than numbers that stand there", () => {
  for (const [name, form] of FORMS) {
    const { readUsage, usageCounts } = protocolNamed(name);
    const [first, second, third] = [form("a", 5), form("b", 7), form("b c", 31)].map((text) =>
      Buffer.from(text),
    );
    if (first === undefined || second === undefined || third === undefined) continue;
    const known = new KnownAnswers();
    for (const text of [first, second]) known.learn(text, readUsage, usageCounts);
    if (first.includes('"error"')) continue;
    assert.equal(known.recall(third, 0, third.length, readUsage), true);
    // What is read of two members that differ in capitals depends on the strings behind them.
    const isUnsure = first.includes("thoughtsTokenCount") || first.includes('"Usage"');
    assert.deepEqual(known.usage, isUnsure ? undefined : readUsage(third), form("a", 5));
  }
});

test("a string that is read as a figure is none that may differ", () => {
  const form = (count: string) =>
    `{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":${count},"candidatesTokenCount":7}}`;
  const known = knowing("gemini", form('"none"'), form('"unknown"'));
  for (const count of ['"5"', '"0123"', '"none"', '"1.5"', '""', "5", '"\\u0035"'])
    saysTheSame("gemini", Buffer.from(form(count)), known);
});

test("an answer changed at any byte says the same, known or not", () => {
  const bytes = [
    0x00, 0x0a, 0x20, 0x22, 0x2c, 0x30, 0x39, 0x3a, 0x5b, 0x5c, 0x5d, 0x65, 0x7b, 0x7d, 0x7f, 0xc3, 0xff,
  ];
  for (const [name, form] of FORMS) {
    const known = knowing(name, form("a", 5), form("b c", 31));
    const body = Buffer.from(form("a b", 6));
    for (let at = 0; at < body.length; at++) {
      const before = body[at] as number;
      for (const byte of bytes) {
        body[at] = byte;
        saysTheSame(name, body, known);
      }
      body[at] = before;
      saysTheSame(name, Buffer.concat([body.subarray(0, at), body.subarray(at + 1)]), known);
      saysTheSame(name, Buffer.concat([body.subarray(0, at), body.subarray(at - 1)]), known);
    }
  }
});

test("an answer cut at any byte is cut, and in two pieces at any byte, or unpacked, it is whole", () => {
  for (const [name, form] of FORMS) {
    const known = knowing(name, form("a", 5), form("b c", 31));
    const body = Buffer.from(form("é", 61));
    const wanted = say(name, [body]);
    for (let at = 0; at <= body.length; at++) {
      saysTheSame(name, body.subarray(0, at), known);
      saysTheSame(name, Buffer.concat([body, body.subarray(0, at)]), known);
      const pieces = [Buffer.from(body.subarray(0, at)), Buffer.from(body.subarray(at))];
      assert.deepEqual(say(name, pieces, known), wanted);
      assert.deepEqual(say(name, pieces, known, true), wanted);
      const behind = Buffer.from(body.subarray(0, at));
      assert.deepEqual(say(name, [body, behind], known), say(name, [body, behind]));
    }
  }
});

test("mutated answers say the same whatever was learned before", () => {
  const seed = seedOf(20261127);
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const odd = [
    '"',
    "\\",
    "\0",
    "}",
    "]",
    "{",
    "[",
    ",",
    ":",
    " ",
    "0",
    "-",
    "e",
    ".",
    "ü",
    '"error":1,',
    '"usage":{},',
    '"type":"error",',
  ];
  // Each provider has answers of a few forms.
  const providers = Array.from({ length: 5 }, () => new CountingAnswers());
  for (let round = 0; round < 20_000; round++) {
    const which = below(FORMS.length);
    const [name, form] = FORMS[which] as (typeof FORMS)[number];
    const known = providers[which % providers.length] as CountingAnswers;
    let text = form(WORDS[below(WORDS.length)] as string, NUMBERS[below(NUMBERS.length)] as number | string);
    for (let i = below(3); i > 0; i--) {
      const at = below(text.length);
      text = text.slice(0, at) + (odd[below(odd.length)] ?? "") + text.slice(at + below(3));
    }
    try {
      saysTheSame(name, Buffer.from(text), known);
    } catch (error) {
      throw new Error(`SEED=${seed} round ${round}: ${(error as Error).message}`);
    }
  }
  const recalled = providers.reduce((sum, known) => sum + known.recalled, 0);
  assert.ok(recalled > 300, `${recalled} recalled`);
});

test("what is remembered is bounded: strings and numbers, fixed bytes, and forms", () => {
  const recalls = (text: string, ...before: string[]) => {
    const known = knowing("openai-chat", ...before);
    say("openai-chat", [Buffer.from(text)], known);
    return known.recalled === 1;
  };
  const list = (length: number, text = "x") =>
    `{"a":[${Array(length).fill(JSON.stringify(text)).join(",")}]}`;
  assert.equal(recalls(list(64), list(64)), true);
  assert.equal(recalls(list(65), list(65)), false);
  assert.equal(recalls(list(30, "z"), list(30, "x"), list(30, "y")), true);
  assert.equal(recalls(list(31, "z"), list(31, "x"), list(31, "y")), false);
  const long = (length: number) => `{"${"k".repeat(length)}":"x"}`;
  assert.equal(recalls(long(2030), long(2030)), true);
  assert.equal(recalls(long(2060), long(2060)), false);
  const text = (length: number) => `{"a":"${"x".repeat(length)}"}`;
  assert.equal(recalls(text(16_001), text(16_000)), true);
  assert.equal(recalls(text(16_001), text(16_400)), false);
  assert.equal(recalls(text(63_000), text(33)), true);
  assert.equal(recalls(text(32), text(32)), true);
  assert.equal(recalls(text(33), text(32)), false);
  const nested = (inner: string) => `{"a":${"[".repeat(200)}"${inner}"${"]".repeat(200)}}`;
  assert.equal(recalls(nested("c"), nested("a"), nested("bb")), true);

  const known = new CountingAnswers();
  const form = (i: number) => Buffer.from(`{"a${i}":"x"}`);
  for (let i = 0; i < 9; i++) say("openai-chat", [form(i)], known);
  // Of nine in a row that were unlike, the 1st, 2nd, 4th and 8th were learned.
  const learned = [0, 1, 3, 7];
  const recalled = (forms: readonly number[]) => {
    const before = known.recalled;
    for (const i of forms) say("openai-chat", [form(i)], known);
    return known.recalled - before;
  };
  assert.equal(recalled(learned), 4);
  // Then all were alike: the next that is not is learned, and the one that did not serve longest goes.
  assert.equal(recalled([9, 9]), 1);
  assert.equal(recalled([1, 3, 7, 9]), 4);
  known.learn = () => {};
  assert.equal(recalled([0, 2, 4, 5, 6, 8]), 0);
});

test("what one protocol reads of an answer is not taken for what another one does", () => {
  const text = '{"usage":{"prompt_tokens":3,"input_tokens":5,"output_tokens":7}}';
  const known = new CountingAnswers();
  for (let i = 0; i < 3; i++) {
    assert.equal(say("openai-chat", [Buffer.from(text)], known).usage?.input, 3);
    assert.equal(say("anthropic", [Buffer.from(text)], known).usage?.input, 5);
  }
  assert.ok(known.recalled > 0);
});
