/** A body that is like a known one is read as the walk over its bytes would read it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KnownBodies } from "../../src/gateway/known-bodies.ts";
import { readFacts } from "../../src/gateway/request-facts.ts";
import { told } from "./support/facts-told.ts";

/** Asserts that both ways tell the same. */
function compare(known: KnownBodies, body: Buffer): void {
  const recalled = told(body, (bytes) => known.read(bytes));
  assert.deepEqual(recalled, told(body, readFacts), body.toString("utf8").slice(0, 500));
}

const FRAMES: readonly (readonly [string, string])[] = [
  ['{"model":"fast","messages":[{"role":"user","content":"', '"}],"temperature":0.2}'],
  ['{"model":"fast","messages":[{"role":"user","content":"', '"}]}'],
  [
    '{"messages":[{"content":"',
    '","role":"user"}],"model":"m","stream":true,"stream_options":{"include_usage":true}}',
  ],
  [
    '{ "stream_options" : {"include_usage":true} , "model":"m",\n"messages": [{"role":"system","content":"be kind, always"},{"role":"user","content":[{"type":"text","text":"',
    '"}]} ], "max_tokens": 12, "tools":[{"type":"function"}],"response_format":{"type":"json_schema"} } ',
  ],
  ['{"contents":[{"role":"user","parts":[{"text":"', '"}]}],"generationConfig":{"responseSchema":{}}}'],
  ['{"contents":[{"parts":[{"text":"', '"}],"role":"model"},{"role": "model"}],"system_instruction":{}}'],
  ['{"model":"m","input":[{"role":"user","content":"', '"},{"role":"assistant"}],"prompt_cache_key":"k"}'],
  [
    '{"model":"m","messages":[{"role":"assistant","content":"',
    '"},{"role":"developer"}],"metadata":{"user_id":"u"}}',
  ],
  ['{"model":"m","messages":[{"', '":"model"},{"role":"user"}]}'],
];

const TEXTS = [
  "Tell me a story",
  "0123456789",
  "012345678",
  "",
  "user",
  "assistant",
  "developer!",
  "developer",
  "CHATBOT",
  "model",
  "users",
  "hi",
  "s",
  "sl",
  "slc1.0123456789",
  "slow and steady",
  "a longer text ".repeat(9),
  "a longer text ".repeat(500),
  'He said \\"no\\", "and" left',
  'He said \\"no\\" and left',
  "ends with a backslash \\\\",
  "escapes the quote \\",
  'ends it"},{"role":"assistant","content":"',
  'ends the list"}],"stream":true,"x":[{"y":"',
  '0123456789\\\\\\"role',
  '0123456789\\"role',
  "Zürich, 東京, 🚲 and more",
  "tab\there and \u0000 there",
];

test("bodies of a known frame, whatever their text", () => {
  for (const [head, tail] of FRAMES) {
    for (const first of TEXTS) {
      const known = new KnownBodies();
      compare(known, Buffer.from(head + first + tail));
      for (const text of TEXTS) compare(known, Buffer.from(head + text + tail));
    }
  }
});

test("one text after another is recognised", () => {
  for (const [head, tail] of FRAMES.slice(0, 8)) {
    const known = new KnownBodies();
    compare(known, Buffer.from(`${head}Tell me a story${tail}`));
    assert.equal(known.size, 1, head);
    const text = Buffer.from(`${head}0123456789${tail}`);
    const odd = Buffer.alloc(3000, 0x22);
    text.copy(odd, 333);
    const alike = [
      ...["another one, much longer than the first", "Tell me a tale!", "hi", "a", "users", "?"].map((each) =>
        Buffer.from(head + each + tail),
      ),
      // In memory of its own, and at an odd place in a pool.
      Buffer.from(new Uint8Array(text).buffer),
      odd.subarray(333, 333 + text.length),
    ];
    // One that was not recognised would be learned.
    for (const body of alike) for (let i = 0; i < 4; i++) compare(known, body);
    assert.equal(known.size, 1, head);
  }
});

test("a changed, a missing, an additional byte anywhere", () => {
  for (const [head, tail] of FRAMES) {
    const known = new KnownBodies();
    const text = `${head}Tell me a story${tail}`;
    compare(known, Buffer.from(text));
    for (let at = 0; at < text.length; at++) {
      const rest = text.slice(at + 1);
      for (const byte of ['"', "\\", "{", "}", "]", ",", " ", "u", "X", "\u0000", ""])
        compare(known, Buffer.from(text.slice(0, at) + byte + rest));
      compare(known, Buffer.from(`${text.slice(0, at)}"${text.slice(at)}`));
      compare(known, Buffer.from(text.slice(0, at)));
    }
  }
});

test("bytes that are equal as numbers only", () => {
  const text = Buffer.from(
    `{"${"\u0000".repeat(24)}":1,${'"model":"m","messages":[{"content":"Tell me a story"}]}'}`,
  );
  const known = new KnownBodies();
  compare(known, text);
  for (let at = 2; at < 26; at++) {
    const other = Buffer.from(text);
    other[at] = 0x80;
    compare(known, other);
  }
});

test("what only a conversation needs is no error of the body", () => {
  const text =
    '{"model":"m","messages":[{"role":"user","content":"Tell me a story"}],"metadata":{"user_id":"a","user_id":"b"}}';
  const known = new KnownBodies();
  for (let i = 0; i < 5; i++) {
    assert.equal(known.read(Buffer.from(text)).model, "m");
    compare(known, Buffer.from(text));
  }
  assert.equal(known.size, 0);
});

test("frames are learned of small bodies only, the fewer the less they serve, and eight are kept", () => {
  const body = (name: string, text: string, more = "") =>
    Buffer.from(`{"model":"${name}","messages":[{"role":"user","content":"${text}"}]${more}}`);
  const known = new KnownBodies();
  known.read(body("m", "Tell me a story", `,"metadata":{"x":"${"x".repeat(1100)}"}`));
  assert.equal(known.size, 0);
  for (let i = 0; i < 61; i++) known.read(body(`n${i}`, "Tell me a story"));
  // The 5th, the 13th, the 29th and the 61st body.
  assert.equal(known.size, 4);
  for (let i = 0; i < 62; i++) known.read(body(`o${i}`, "Tell me a story"));
  assert.equal(known.size, 4);
  // One that serves makes it worth while again.
  known.read(body("n59", "Tell me another story"));
  for (let i = 0; i < 4; i++) known.read(body(`p${i}`, "Tell me a story"));
  assert.equal(known.size, 5);
  for (let i = 0; i < 400; i++) known.read(body(`q${i}`, "Tell me a story"));
  assert.equal(known.size, 8);
  const few = new KnownBodies();
  for (let i = 0; i < 8; i++) few.read(body(`n${i}`, "Tell me a story"));
  assert.equal(few.size, 2);
  for (let i = 0; i < 8; i++) few.read(body("n0", `Tell me story number ${i}`));
  assert.equal(few.size, 2);
  const large = new KnownBodies();
  large.read(body("m", "x".repeat(70_000)));
  assert.equal(large.size, 0);
  large.read(Buffer.from('{"model":"m","messages":["Tell me a story"]}'));
  large.read(Buffer.from('{"model":"m","prompt":"Tell me a story"}'));
  assert.equal(large.size, 0);
});
