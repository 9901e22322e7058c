import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_DEPTH } from "../../src/base/json-skip.ts";
import { isValidJson, walkJson } from "../../src/base/json-valid.ts";
import { seededRandom, seedOf } from "../support/seed.ts";

const DOCUMENTS = [
  '{"id":"chatcmpl-1","object":"chat.completion","created":1764000000,"choices":[{"index":0,"message":{"role":"assistant","content":"Hello \\"there\\" \\u00e9 \\\\"},"finish_reason":null}],"usage":{"prompt_tokens":10,"total_tokens":19}}',
  ' [ 1 , -0.5e+10 , true , false , null , "", [ ] , { } , { "a" : [ { } ] } ] \r\n\t',
  '{"error":{"message":"no","type":"error"},"a":"error"}',
];
const BYTES = Buffer.from('{}[],:"\\ \n\t\r\0\u001f0123456789.eE+-truefalsnbu\u007f\u0080ÿ', "latin1");

function parses(bytes: Uint8Array): boolean {
  try {
    JSON.parse(Buffer.from(bytes).toString("latin1"));
    return true;
  } catch {
    return false;
  }
}

test("the walk takes what JSON.parse takes, of documents damaged at random, wherever they lie", () => {
  const seed = seedOf(8);
  const random = seededRandom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  let valid = 0;
  for (let round = 0; round < 60_000; round += 1) {
    const bytes = [...Buffer.from(DOCUMENTS[below(DOCUMENTS.length)] as string, "latin1")];
    for (let changes = below(3); changes > 0; changes -= 1)
      bytes.splice(
        below(bytes.length + 1),
        below(3),
        ...(below(3) === 0 ? [] : [BYTES[below(BYTES.length)] as number]),
      );
    const before = below(4);
    const around = Buffer.from([...Array(before).fill(0x7b), ...bytes, 0x22, 0x7d, 0x30]);
    const expected = parses(Uint8Array.from(bytes));
    const where = `SEED=${seed}, round ${round}`;
    assert.equal(isValidJson(around, before, before + bytes.length), expected, where);
    if (expected) valid += 1;
  }
  assert.ok(valid > 15_000 && valid < 45_000, `${valid} valid: the changes are too tame or too wild`);
});

test("every beginning of a document is refused but the whole one", () => {
  for (const text of DOCUMENTS) {
    const bytes = Buffer.from(text.trim());
    for (let end = 0; end < bytes.length; end += 1) assert.equal(isValidJson(bytes, 0, end), false, `${end}`);
    assert.equal(isValidJson(bytes), true);
  }
});

test("a word is found among names and strings, spelled in full", () => {
  const word = Buffer.from('"error"');
  const look = (text: string) => walkJson(Buffer.from(text), 0, text.length, word);
  assert.equal(look('{"error":1}'), "holds");
  assert.equal(look('[1,"error"]'), "holds");
  assert.equal(look('{"error":1,"b":[2]}'), "holds");
  for (const text of ['{"errors":1}', '{"erro":1}', '{"Error":1}', '["\\"error\\""]', '["x\\"error"]', "[]"])
    assert.equal(look(text), "valid", text);
  assert.equal(look('{"error":1'), "invalid");
});

test("brackets of both kinds nest to the limit, and a walk that broke off leaves nothing behind", () => {
  const nested = (depth: number) => `${'{"a":['.repeat(depth / 2)}${"]}".repeat(depth / 2)}`;
  for (let round = 0; round < 2; round += 1) {
    assert.equal(isValidJson(Buffer.from(nested(MAX_DEPTH))), true);
    assert.equal(isValidJson(Buffer.from(nested(MAX_DEPTH + 2))), false);
    assert.equal(isValidJson(Buffer.from('[[[{"a":[')), false);
    assert.equal(isValidJson(Buffer.from('{"a":{"b":{"c":[1]]}}')), false);
  }
});
