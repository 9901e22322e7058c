import assert from "node:assert/strict";
import { test } from "node:test";
import { compareRun, countSame, rememberRun } from "../../src/base/byte-runs.ts";

const BYTES = Buffer.from(new Uint8Array(Buffer.from("It was a bright cold day in April, ünd")).buffer);
const VIEW = new DataView(BYTES.buffer);

test("a run of any length is like itself wherever it lies, and like no run with another byte", () => {
  for (let length = 0; length <= BYTES.length; length++) {
    const words = [7];
    rememberRun(words, VIEW, 0, length);
    for (const offset of [0, 1, 5, 8]) {
      const other = Buffer.alloc(offset + length + 8, "-");
      BYTES.copy(other, offset, 0, length);
      const view = new DataView(other.buffer, other.byteOffset, other.length);
      assert.equal(compareRun(words, 1, view, offset, offset + length), words.length);
      for (let at = 0; at < length; at++) {
        const before = other[offset + at] as number;
        for (const byte of [0, before ^ 1, before ^ 0x80, 0xff]) {
          other[offset + at] = byte;
          assert.equal(compareRun(words, 1, view, offset, offset + length), -1, `${length} at ${at}`);
          assert.equal(countSame(view, offset, VIEW, 0, length), at);
        }
        other[offset + at] = before;
      }
      assert.equal(countSame(view, offset, VIEW, 0, length), length);
    }
  }
});

test("runs follow each other in one list of words", () => {
  const words: number[] = [];
  const bounds = [0, 3, 3, 12, 20, 37];
  for (let i = 1; i < bounds.length; i++)
    rememberRun(words, VIEW, bounds[i - 1] as number, bounds[i] as number);
  let word = 0;
  for (let i = 1; i < bounds.length; i++)
    word = compareRun(words, word, VIEW, bounds[i - 1] as number, bounds[i] as number);
  assert.equal(word, words.length);
});

test("the last word is the last eight bytes", () => {
  for (let length = 8; length <= BYTES.length; length++) {
    const words: number[] = [];
    rememberRun(words, VIEW, 0, length);
    assert.equal(words.at(-1), VIEW.getFloat64(length - 8, true));
  }
});

test("bytes that are no number are like nothing, themselves included", () => {
  const bytes = Buffer.from(new Uint8Array(16).fill(0xff).buffer);
  const view = new DataView(bytes.buffer);
  const words: number[] = [];
  rememberRun(words, view, 0, 16);
  assert.equal(compareRun(words, 0, view, 0, 16), -1);
});
