/** The text kept of a relayed stream: whole however often it outgrows its memory, and paid for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EscapedText } from "../../src/protocols/escaped-text.ts";

function kept(cap: number, most = Number.POSITIVE_INFINITY) {
  const account = { taken: 0 };
  const memory = {
    keep(bytes: number): boolean {
      if (account.taken + bytes > most) return false;
      account.taken += bytes;
      return true;
    },
  };
  return { account, text: new EscapedText({ keepText: cap, memory }) };
}

test("text that outgrows its memory many times is whole, words and long pieces alike", () => {
  const { account, text } = kept(1 << 20);
  let expected = "";
  for (let i = 0; i < 2000; i++) {
    const piece = Buffer.from(i % 7 === 0 ? `<${"x".repeat(i % 300)}>` : ` word${i}`);
    text.append(piece, 0, piece.length);
    expected += piece;
    if (i % 199 === 0) assert.equal(text.bytes?.toString(), expected);
  }
  assert.equal(text.bytes?.toString(), expected);
  assert.ok(account.taken >= expected.length && account.taken <= 4 * expected.length, `${account.taken}`);
});

test("without memory for more the text is given up, and all that was taken for it is given back", () => {
  const { account, text } = kept(1 << 20, 4096);
  const piece = Buffer.alloc(100, 97);
  for (let i = 0; i < 100; i++) text.append(piece, 0, piece.length);
  assert.equal(text.bytes, null);
  assert.equal(account.taken, 0);
});
