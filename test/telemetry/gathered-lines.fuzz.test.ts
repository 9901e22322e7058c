/** Lines put together from anything, in any order and of any length, are the JSON that they say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { piece } from "../../src/base/piece.ts";
import { GatheredLines } from "../../src/telemetry/gathered-lines.ts";
import { type Chance, fuzz } from "../support/fuzz.ts";

const TEXTS = [
  "",
  "a",
  "plain text",
  'q"q',
  "back\\",
  "\n",
  "ü",
  "漢字",
  "😀",
  "\ud83d",
  "\udc00",
  "\x7f",
  "\u2028",
  "x".repeat(300),
  "y".repeat(17_000),
].map((value) => ({ value, json: JSON.stringify(value), piece: piece(JSON.stringify(value)) }));
const WHOLE = [0, 1, 9, 10, 99, 100, 999, 1000, 12_345, 123_456_789, 2 ** 40, Number.MAX_SAFE_INTEGER];
const MS = [0, 0.04, 0.05, 0.1, 9.9, 9.96, 99.96, 999.94, 999.96, 1000, 12_345.6];

/** Writes one thing; returns what it is as text. */
function write(lines: GatheredLines, chance: Chance): string {
  const { value, json, piece } = chance.pick(TEXTS);
  const whole = chance.happens(0.1) ? null : chance.happens(0.1) ? chance.below(1e6) : chance.pick(WHOLE);
  const ms = chance.happens(0.1) ? chance.next() * 2000 : chance.pick(MS);
  const tenths = String(Math.round(ms * 10) / 10);
  switch (chance.below(8)) {
    case 0:
      lines.add(piece);
      return json;
    case 1:
      lines.quoted(value);
      return json;
    case 2:
      lines.whole(whole);
      return String(whole);
    case 3:
      lines.tenths(ms);
      return tenths;
    case 4:
      lines.count(piece, whole);
      return `${json}${whole}`;
    case 5:
      lines.duration(piece, ms);
      return `${json}${tenths}`;
    case 6:
      lines.text(json);
      return json;
    default:
      lines.finish();
      if (chance.happens(0.1)) lines.handOver();
      return "\n";
  }
}

test("what is handed over is all that was written, whole lines at a time", () => {
  let handed = 0;
  let announced = 0;
  fuzz(400, 33, (chance) => {
    let out = "";
    const lines = new GatheredLines(
      (bytes) => {
        handed++;
        assert.equal(bytes.at(-1), 0x0a);
        out += bytes.toString("utf8");
      },
      () => announced++,
    );
    let wanted = "";
    for (let i = 0; i < 300; i++) wanted += write(lines, chance);
    lines.finish();
    lines.handOver();
    assert.equal(out, `${wanted}\n`);
  });
  assert.equal(handed, announced);
  // Often there were lines for which no room was left.
  assert.ok(handed > 4000, `${handed} handed over`);
});
