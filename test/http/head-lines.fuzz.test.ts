/** Heads of answers put together from what is remembered say what their status, headers and times say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTimes, ServerTimes } from "../../src/base/server-timing.ts";
import { HeadLines } from "../../src/http/head-lines.ts";
import { type Chance, fuzz } from "../support/fuzz.ts";
import { plainHead } from "./support/plain-head.ts";

const NAMES = [
  "content-type",
  "x-a",
  "x-b",
  "date",
  "content-length",
  "x-request-id",
  "connection",
  "cache-control",
];
const PLAIN = ["", "a", "b", "text/plain", "1", "12"];
const VALUES = [
  ...PLAIN,
  "ümläut",
  "a\r\nb",
  "a\0b",
  "tab\there",
  "é",
  "\u2028x",
  "😀",
  "\ud83d",
  "\x7f",
  "~",
  "v".repeat(200),
  "v".repeat(1100),
];
const TIMES = [
  0,
  0.04,
  0.05,
  1,
  9.94,
  9.95,
  10,
  99.95,
  100,
  1234.5,
  12345678,
  1e8,
  2e8,
  1e12,
  -5,
  Number.NaN,
];

/** Heads of one status and names: null stands for a value that changes. */
interface Kind {
  readonly status: number;
  readonly names: readonly string[];
  readonly values: readonly (string | null)[];
}

function kind(chance: Chance): Kind {
  const names = chance.picks(NAMES, chance.below(8));
  const values = names.map(() => (chance.happens(0.5) ? chance.pick(VALUES) : null));
  return { status: chance.pick([200, 200, 404, 799]), names, values };
}

function headers({ names, values }: Kind, chance: Chance): string[] {
  return names.flatMap((name, i) => [name, values[i] ?? chance.pick(chance.happens(0.5) ? PLAIN : VALUES)]);
}

function times(chance: Chance): ServerTimes | null {
  if (chance.happens(0.4)) return null;
  const ms = () => (chance.happens(0.06) ? chance.next() * 1000 : chance.pick(TIMES));
  return new ServerTimes(ms(), ms(), ms(), ms());
}

test("heads of a few kinds are what they are without a memory, as text and as bytes", () => {
  let bytes = 0;
  let texts = 0;
  fuzz(300, 32, (chance) => {
    const lines = new HeadLines();
    // More of them than are remembered, or fewer.
    const kinds = Array.from({ length: 1 + chance.below(10) }, () => kind(chance));
    for (let i = 0; i < 150; i++) {
      const which = chance.pick(kinds);
      const list = headers(which, chance);
      const timing = times(chance);
      const plain = plainHead(which.status, list);
      const wanted = timing === null ? plain : `${plain}\r\nserver-timing: ${formatTimes(timing)}`;
      const head = lines.find(which.status, list);
      const written = head.writeBytes(list, timing);
      if (typeof written === "string") texts++;
      else bytes++;
      assert.deepEqual(Buffer.from(written).toString("latin1"), Buffer.from(wanted).toString("latin1"));
      assert.equal(head.write(list, timing), wanted);
      assert.ok(head.lengthOf(list) >= plain.length, "room for the head");
    }
  });
  assert.ok(bytes > 10_000 && texts > 5000, `${bytes} as bytes, ${texts} as text`);
});
