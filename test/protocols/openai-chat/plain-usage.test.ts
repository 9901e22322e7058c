import assert from "node:assert/strict";
import { test } from "node:test";
import { readPlainUsage } from "../../../src/protocols/openai-chat/plain-usage.ts";
import { readUsage } from "../../../src/protocols/openai-chat/response.ts";
import { readChatUsage } from "../../../src/protocols/openai-chat/usage.ts";
import { seededRandom, seedOf } from "../../support/seed.ts";

const plain = (text: string) => {
  const bytes = Buffer.from(`x${text}`);
  return readPlainUsage(bytes, 1, bytes.length);
};

test("figures are read as JSON.parse reads them", () => {
  for (const text of [
    "{}",
    '{"prompt_tokens":10,"completion_tokens":9,"total_tokens":19}',
    ' {"prompt_tokens" : 0 ,\n"completion_tokens":123456789012345\t} '.trim(),
    '{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":2,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":4}}',
    '{"prompt_cache_hit_tokens":7,"cached_tokens":8,"prompt_tokens_details":{"cached_tokens":null}}',
    '{"cached_tokens":8,"prompt_tokens_details":null,"completion_tokens_details":5,"prompt_tokens":null}',
    '{"prompt_tokens":1,"prompt_tokens":2,"prompt_tokens_details":{"cached_tokens":3},"prompt_tokens_details":{}}',
    '{"completion_tokens_details":{"reasoning_tokens":4},"completion_tokens_details":null,"é":1,"":2}',
  ]) {
    const read = plain(`${text},"id":1}`);
    assert.deepEqual(read?.usage, readChatUsage(JSON.parse(text)), text);
    assert.equal(read?.after, 1 + Buffer.byteLength(text), text);
  }
});

test("anything else is left to JSON.parse", () => {
  for (const text of [
    '{"prompt_tokens":1.5}',
    '{"prompt_tokens":-1}',
    '{"prompt_tokens":1e3}',
    '{"prompt_tokens":01}',
    '{"prompt_tokens":1234567890123456}',
    '{"prompt_tokens":"1"}',
    '{"prompt_tokens":true}',
    '{"prompt_tokens":nul}',
    '{"prompt_tokens":[]}',
    '{"prompt_tokens":{}}',
    '{"prompt_tokens_details":{"cached_tokens":{}}}',
    '{"prompt_tokens_details":{"prompt_tokens_details":{}}}',
    '{"prompt\\u005ftokens":1}',
    '{"prompt\ttokens":1}',
    '{"prompt_tokens":1,}',
    '{"prompt_tokens":1 2}',
    '{"prompt_tokens"1}',
    '{,"prompt_tokens":1}',
    "{1}",
  ])
    assert.equal(plain(text), null, text);
  const whole = '{"prompt_tokens": 10 ,"prompt_tokens_details":{"cached_tokens":null} }';
  for (let end = 1; end < whole.length; end += 1) {
    assert.equal(plain(whole.slice(0, end)), null, whole.slice(0, end));
    assert.equal(readPlainUsage(Buffer.from(whole), 0, end), null, `the first ${end}`);
  }
});

test("damaged at random it is what JSON.parse makes of it, or nothing", () => {
  const seed = seedOf(21);
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const parts = [
    '"',
    ":",
    ",",
    "{",
    "}",
    " ",
    "0",
    "7",
    "null",
    "-",
    ".",
    '"cached_tokens"',
    '"prompt_tokens":3,',
    "\\",
  ];
  const whole =
    '{"prompt_tokens":10,"cached_tokens":6,"prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":0},"completion_tokens":9,"completion_tokens_details":{"reasoning_tokens":4}}';
  let read = 0;
  for (let round = 0; round < 50_000; round += 1) {
    let text = whole;
    for (let changes = 1 + below(3); changes > 0; changes -= 1) {
      const at = below(text.length);
      text =
        text.slice(0, at) + (below(2) === 0 ? parts[below(parts.length)] : "") + text.slice(at + below(4));
    }
    const found = text.startsWith("{") ? plain(text) : null;
    if (found === null) continue;
    read += 1;
    const own = text.slice(0, found.after - 1);
    assert.deepEqual(found.usage, readChatUsage(JSON.parse(own)), `SEED=${seed}, round ${round}: ${own}`);
  }
  assert.ok(read > 2000, `${read} were read`);
});

test("usage of an answer is its own last member, whether it is plain or not", () => {
  const of = (text: string) => readUsage(Buffer.from(text))?.input;
  assert.equal(of('{"id":"x","usage":{"prompt_tokens":10}}'), 10);
  assert.equal(of('{"usage":{"prompt_tokens":10}, "id":"x"} '), 10);
  assert.equal(of('{"id":"x","usage":{"prompt_tokens":10,"cost":0.5}\n} '), 10);
  assert.equal(of('{"a":{"usage":{"prompt_tokens":10}}}'), undefined);
  assert.equal(of('{"usage":{"prompt_tokens":3},"a":{"usage":{"prompt_tokens":10}}}'), 3);
});
