/** What is read of a conversation while its list is walked over is what a second look at it tells. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../src/base/failure.ts";
import { readConversation, readFacts } from "../../src/gateway/request-facts.ts";

/** Both ways of reading: from the notes of the one walk, and by a look at the bytes. */
function conversations(text: string): readonly unknown[] {
  const body = Buffer.from(text);
  const facts = readFacts(body);
  return [facts, { ...facts, turns: null }].map((each) => {
    try {
      const { texts, continues } = readConversation(body, each);
      const pairs = texts
        .filter((_, index) => index % 2 === 0)
        .map((start, pair) => [start, texts[2 * pair + 1]]);
      return [pairs.map(([start, end]) => body.toString("utf8", start, end)), continues];
    } catch (error) {
      assert.ok(error instanceof Failure);
      return `${error.code}: ${error.message}`;
    }
  });
}

const USER = '{"role":"user","content":"hi"}';
const SYSTEM = '{"role":"system","content":"be kind"}';
const ANSWER = '{"role":"assistant","content":"yes"}';

test("turns", () => {
  const told = (list: string) => {
    const [first, second] = conversations(`{"model":"m","messages":${list}}`);
    assert.deepEqual(first, second, list);
    return first;
  };
  assert.deepEqual(told(`[${SYSTEM},${USER}]`), [[SYSTEM, USER], false]);
  assert.deepEqual(told(`[ ${USER} ,\n${ANSWER} , ${USER} ]`), [[USER], true]);
  // Who answered before the first user turn does not count.
  assert.deepEqual(told(`[${ANSWER},${USER}]`), [[ANSWER, USER], false]);
  assert.deepEqual(told(`[${SYSTEM}]`), [[SYSTEM, ""], false]);
});

const LISTS = [
  "[]",
  "[ ]",
  `[${ANSWER}]`,
  `[${SYSTEM}]`,
  '["user"]',
  '["user",{"role":"assistant"}]',
  '[1,{"role":"user"}]',
  '[null, {"role":"user"}, true]',
  '[["user"],["assistant"]]',
  '[{"role":"user"}{"role":"assistant"}]',
  '[{"role":"user"},]',
  '[,{"role":"user"}]',
  '[{"role":"user"},,{"role":"assistant"}]',
  '[{"role":"user"}\u000b,{"role":"assistant"}]',
  '[{"role":"user"} x]',
  '[{"role":"user","content":["assistant"]}]',
  '[{"role":"user"},{"role":"model"}]',
  '[{"role":"user"},{"role": "model"}]',
  '[{"role":"user"},{"role":  "model"}]',
  '[{"role":"user"},{"kind":"model"}]',
  '[{"role":"USER"},{"role":"CHATBOT"}]',
  '[{"role":"user"},{"role":"CHATBOT"}]',
  '[{"role":"user"},{"role":"assistants"}]',
  '[{"role":"user"},{"content":"\\"assistant\\""}]',
  `[{"role":"user","content":"${"x".repeat(9000)}"},${ANSWER}]`,
  `[${Array.from({ length: 15 }, () => SYSTEM)},${USER},${ANSWER}]`,
  `[${Array.from({ length: 16 }, () => SYSTEM)},${USER},${ANSWER}]`,
  `[${Array.from({ length: 16 }, () => SYSTEM)},]`,
  `[${Array.from({ length: 16 }, () => SYSTEM)} ${USER}]`,
  `[${Array.from({ length: 40 }, () => USER)}`.concat(`,${ANSWER}]`),
];

test("lists of every kind, and those that are none", () => {
  for (const list of LISTS) {
    for (const name of ["messages", "contents", "input"]) {
      const [first, second] = conversations(`{"model":"m","${name}":${list},"system":"s"}`);
      assert.deepEqual(first, second, `${name}: ${list.slice(0, 200)}`);
    }
  }
});

test("of several lists the same one counts, in whatever order they stand, and whatever they are", () => {
  const values = [`[${USER},${ANSWER}]`, `[${USER}]`, '"text"', "{}", "null"];
  for (const messages of values) {
    for (const contents of values) {
      for (const input of values) {
        const members = [`"messages":${messages}`, `"contents":${contents}`, `"input":${input}`];
        for (const order of [members, members.toReversed()]) {
          const [first, second] = conversations(`{"model":"m",${order.join(",")}}`);
          assert.deepEqual(first, second, order.join());
        }
      }
    }
  }
});

test("lists put together at random", () => {
  let seed = 7;
  const pick = <T>(from: readonly T[]): T => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return from[(seed >>> 8) % from.length] as T;
  };
  const parts = [
    USER,
    SYSTEM,
    ANSWER,
    ",",
    ",",
    ",",
    " ",
    "\n",
    "[]",
    "{}",
    "1",
    '"user"',
    '"x\\"y"',
    "true",
    '{"a":[{"b":"user"}]}',
    '{"role": "model"}',
  ];
  let same = 0;
  for (let round = 0; round < 3000; round++) {
    const list = Array.from({ length: round % 12 }, () => pick(parts)).join(pick(["", ",", ","]));
    const [first, second] = conversations(`{"model":"m","messages":[${list}]}`);
    assert.deepEqual(first, second, list);
    if (typeof first === "object") same++;
  }
  assert.ok(same > 300, `${same} of them were lists`);
});

test("members that nobody sent are not found by the bits of those that were", () => {
  const facts = readFacts(
    Buffer.from(
      '{"model":"m","max_tokens":7,"stream":true,"tools":[{}],"response_format":{"type":"json_schema"}}',
    ),
  );
  assert.equal(facts.maxTokens, 7);
  assert.equal(facts.stream, true);
  assert.equal(facts.tools, true);
  assert.equal(facts.jsonSchema, true);
  assert.equal(readFacts(Buffer.from('{"model":"m","format":{"a":1}}')).jsonSchema, true);
  const bare = readFacts(Buffer.from('{"model":"m"}'));
  assert.deepEqual(
    [bare.maxTokens, bare.stream, bare.tools, bare.jsonSchema, bare.promptCacheKey, bare.turns],
    [null, null, false, false, "", null],
  );
  assert.equal(readFacts(Buffer.from('{"model":"m","prompt_cache_key":"k"}')).promptCacheKey, "k");
});
