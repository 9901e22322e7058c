/** Answers whose heads are like those before are read as if none had come before, and so are the quotas that they tell of. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { contentEncoding } from "../../src/upstream/head-names.ts";
import { HeadScanner } from "../../src/upstream/head-scanner.ts";
import { KnownHeads } from "../../src/upstream/known-heads.ts";
import { quotaReadings } from "../../src/upstream/quota-lines.ts";
import { HeadScanners } from "../../src/upstream/response-parser.ts";
import { type Chance, fuzz } from "../support/fuzz.ts";
import { headKind } from "../support/fuzz-heads.ts";
import { mutatedFrom } from "./mutate.ts";
import { parse, split } from "./parse.ts";

const BODIES = ["", "ok", "2\r\nok\r\n0\r\n\r\n", "HTTP/1.1 200"];

/** Counts the heads that were recalled. */
class Counting extends HeadScanners {
  recalled = 0;

  override give(scanner: HeadScanner): void {
    if (scanner.names !== null) this.recalled++;
    super.give(scanner);
  }
}

/** Of one origin or a few that take turns: more kinds of head than are remembered, or fewer. */
function kinds(chance: Chance): (() => string)[] {
  return Array.from({ length: 1 + chance.below(3) }, () => headKind(chance));
}

test("answers of known heads, whole, cut and damaged, are parsed as with no head known", () => {
  let recalled = 0;
  fuzz(300, 41, (chance) => {
    const scanners = new Counting();
    const heads = kinds(chance);
    let last = Buffer.alloc(0);
    for (let i = 0; i < 60; i++) {
      let bytes = Buffer.from(chance.pick(heads)() + chance.pick(BODIES), "latin1");
      if (chance.happens(0.2)) bytes = Buffer.from(mutatedFrom(chance.happens(0.5) ? last : bytes, chance));
      last = bytes;
      const pieces = chance.happens(0.8) ? [bytes] : split(bytes, chance.below(bytes.length + 1));
      const isHead = chance.happens(0.05);
      assert.deepEqual(parse(pieces, isHead, scanners), parse(pieces, isHead), bytes.toString("latin1"));
    }
    recalled += scanners.recalled;
  });
  assert.ok(recalled > 2000, `${recalled} recalled`);
});

test("quotas and encodings of heads with known names are those of the head alone", () => {
  let known = 0;
  let read = 0;
  fuzz(300, 42, (chance) => {
    const heads = kinds(chance);
    const origin = new KnownHeads();
    let wall = Date.UTC(2026, 10, 26, 9, 59, 30);
    const clock = { wall: () => wall };
    for (let i = 0; i < 60; i++) {
      wall += chance.below(3) * 1000;
      const text = chance.pick(heads)();
      const bytes = Buffer.from(text, "latin1");
      const scanner = new HeadScanner(origin);
      if (scanner.scan(bytes, 0, bytes.length) < 0) continue;
      const { headers, names } = scanner;
      const readings = quotaReadings(headers, clock, names);
      assert.deepEqual(readings, quotaReadings(headers, clock), text);
      assert.equal(contentEncoding({ headers, names }), contentEncoding({ headers }), text);
      if (names === null) continue;
      known++;
      if (readings.length > 0) read++;
    }
  });
  assert.ok(known > 2000 && read > 200, `${known} with known names, ${read} of those tell of quotas`);
});
