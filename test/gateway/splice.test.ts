/** Where the text of a continuation joins what was delivered before the break. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decideSplice } from "../../src/gateway/splice.ts";

const delivered = "The quick brown fox jumps over";

function joined(head: string, ended = true, exact = false, before = delivered): string {
  const splice = decideSplice(before, head, ended, exact);
  return splice.kind === "append" ? before + splice.text : splice.kind;
}

test("text that goes on is appended as it is", () => {
  assert.equal(joined(" the lazy dog."), `${delivered} the lazy dog.`);
});

test("a restart is trimmed, and waited for while it repeats", () => {
  assert.equal(joined("The quick", false), "wait");
  assert.equal(joined(delivered, false), delivered);
  assert.equal(joined(`${delivered} the dog`), `${delivered} the dog`);
});

test("a restart that departs is noticed at the first character, and when it ends early", () => {
  assert.equal(joined("The quick brown dog", false), "departed");
  assert.equal(joined("The quick brown fox"), "departed");
});

test("a short answer that is begun again in other words departs as well", () => {
  assert.equal(joined("Hello there, friend", true, false, "Hello wor"), "departed");
});

test("an overlap of 12 characters is trimmed, one of 11 is text", () => {
  assert.equal(joined("x jumps over the lazy dog"), `${delivered} the lazy dog`);
  assert.equal(joined(" jumps over the lazy dog"), `${delivered} jumps over the lazy dog`);
});

test("less than 12 characters may still become an overlap", () => {
  assert.equal(joined("x jumps", false), "wait");
  assert.equal(joined(" the lazy d", false), "wait");
  assert.equal(joined(" the lazy do", false), `${delivered} the lazy do`);
});

test("of several places the longest overlap counts", () => {
  assert.equal(
    joined("abcdefghijklabcdefghijkl!", true, false, "-abcdefghijklabcdefghijkl"),
    "-abcdefghijklabcdefghijkl!",
  );
});

test("white space at the joint stands there once", () => {
  assert.equal(joined(" dog", true, false, "a lazy "), "a lazy dog");
  assert.equal(joined("dog", true, false, "a lazy "), "a lazy dog");
  assert.equal(joined("\n\nNext paragraph", true, false, "One.\n"), "One.\n\nNext paragraph");
  assert.equal(joined(" indented?", true, false, "line\n"), "line\nindented?");
});

test("an answer that is over says nothing more", () => {
  assert.equal(joined(""), delivered);
  assert.equal(joined("", false), "wait");
});

test("half a surrogate pair goes on with its other half", () => {
  const splice = decideSplice("smile \ud83d", "smile \ud83d\ude00!", false, false);
  assert.deepEqual(splice, { kind: "append", text: "\ude00!", repeated: 7 });
});

test("a restart that differs in the second half of a pair departs", () => {
  assert.equal(joined("0123456789ab\ud83d\ude01", true, false, "0123456789ab\ud83d\ude00c"), "departed");
});

test("under a schema only an exact restart will do", () => {
  assert.equal(joined('{"a":1,"b":2}', true, true, '{"a":1,'), '{"a":1,"b":2}');
  assert.equal(joined('"b":2}', true, true, '{"a":1,'), "departed");
  assert.equal(joined('{"a":', false, true, '{"a":1,'), "wait");
});

test("a long text is decided without hanging", () => {
  const long = "ab ".repeat(80_000);
  const began = performance.now();
  assert.notEqual(joined("ab ab ab ab ab ab!", true, false, long), "wait");
  assert.ok(performance.now() - began < 2000);
});

test("an overlap is looked for in the last 16 Ki characters of what was delivered", () => {
  const before = Array.from({ length: 4000 }, (_, i) => `word ${i}`).join(" ");
  const within = before.slice(-16 * 1024);
  assert.equal(joined(`${within} and on`, true, false, before), `${before} and on`);
  const beyond = before.slice(-16 * 1024 - 1);
  assert.equal(joined(`${beyond} and on`, true, false, before), `${before}${beyond} and on`);
});
