import assert from "node:assert/strict";
import { test } from "node:test";
import { plainText } from "../../src/base/known-texts.ts";

const read = (text: string) => plainText(Buffer.from(`..${text}..`), 2, 2 + Buffer.byteLength(text));

test("plain texts are read as they are, the first time and again, also where two share a place", () => {
  const texts = ["", "a", "model", "temperature", "x".repeat(64), " ~", "gpt-4o", "gpt-5o", "gXX-4o"];
  for (let round = 0; round < 3; round++) for (const text of texts) assert.equal(read(text), text);
  for (let i = 0; i < 5000; i++) assert.equal(read(`m${i}o`), `m${i}o`);
});

test("what is long, escaped, no ASCII or no text is left to others", () => {
  for (const text of ["x".repeat(65), 'a"b', "a\\b", "\u00e9", "a\u6a21", "a\nb", "\x7f", "\x1f"]) {
    assert.equal(read(text), null);
  }
});
