import { equal } from "node:assert/strict";
import { test } from "node:test";
import { findWord, holdsAnyWord, holdsEmptyMember, holdsWord, makeWord } from "../../src/base/word-search.ts";

test("finds a word of any length at any place, and only whole", () => {
  for (const word of ['"a"', '"model', '"developer"', '"role":"model"']) {
    const sought = makeWord(word);
    for (const before of ["", "x", '"', '"devel', `${word.slice(0, -1)}`]) {
      for (const after of ["", "y", word]) {
        const text = before + word + after;
        equal(findWord(Buffer.from(text), sought), text.indexOf(word), text);
        equal(
          findWord(Buffer.from(before + after.slice(1)), sought),
          (before + after.slice(1)).indexOf(word),
        );
      }
    }
    equal(findWord(Buffer.from(word + word), sought, 1), word.length);
    equal(holdsWord(Buffer.from(word.slice(0, -1)), sought), false, "cut at the end");
    equal(holdsWord(Buffer.alloc(0), sought), false);
  }
});

test("finds a word in a part of the bytes only when the whole word stands there, in short parts and in long ones", () => {
  const word = makeWord('"assistant"');
  for (const padding of [0, 10, 300, 5000]) {
    const text = `${" ".repeat(padding)}"assist"assistant"${" ".repeat(padding)}`;
    const bytes = Buffer.from(text);
    const at = padding + '"assist'.length;
    equal(findWord(bytes, word, 0, bytes.length), at);
    equal(findWord(bytes, word, at, at + word.bytes.length), at);
    equal(findWord(bytes, word, 0, at + word.bytes.length - 1), -1);
    equal(findWord(bytes, word, at + 1, bytes.length), -1);
    equal(holdsAnyWord(bytes, [makeWord('"tool"'), word], 0, bytes.length), true);
    equal(holdsAnyWord(bytes, [makeWord('"tool"')], 0, bytes.length), false);
  }
});

test("finds an empty member by the end of its name", () => {
  const holds = (text: string) => holdsEmptyMember(Buffer.from(text), "ignature");
  equal(holds('{"signature":""}'), true);
  equal(holds('{"thoughtSignature" : \n ""}'), true);
  equal(holds('{"text":"","signature":"x","n":""}'), false);
  equal(holds('{"a":["signature",""]}'), false);
  equal(holds('""'), false);
  equal(holds('{"text":"\\"signature\\":\\"\\""}'), false, "inside a string");
});
