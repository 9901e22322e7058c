/** Bytes that are damaged at random, and that lie wherever bytes may lie. */
import type { Chance } from "./fuzz.ts";

/** What means something in JSON, in our own marks, or in no text at all. */
const ODD = [
  ...'"\\\0}]{[,: 0-e.\n\t\x7fü\xff',
  '\\"',
  "\\u0075",
  '"error"',
  '"user"',
  '"content":"',
  '"role":"model"',
  '"usage":{}',
  "text",
  "slc1.",
];

/** One to three changes: bytes that are others, left out, put in, or there twice. */
export function mutate(bytes: Buffer, chance: Chance): Buffer {
  let changed = bytes;
  for (let i = 1 + chance.below(3); i > 0; i--) changed = change(changed, chance);
  return changed;
}

function change(bytes: Buffer, chance: Chance): Buffer {
  const at = chance.below(bytes.length + 1);
  const before = bytes.subarray(0, at);
  const behind = bytes.subarray(at);
  switch (chance.below(5)) {
    case 0:
      return Buffer.concat([before, Buffer.from([chance.below(256)]), behind.subarray(1)]);
    case 1:
      return Buffer.concat([before, behind.subarray(1 + chance.below(9))]);
    case 2:
      return Buffer.concat([
        before,
        Buffer.from(chance.pick(ODD), chance.happens(0.2) ? "latin1" : "utf8"),
        behind,
      ]);
    case 3: {
      const from = chance.below(bytes.length + 1);
      return Buffer.concat([before, bytes.subarray(from, from + chance.below(30)), behind]);
    }
    default:
      return Buffer.concat([
        before,
        Buffer.from(behind.subarray(0, 1).map((byte) => byte ^ (1 << chance.below(8)))),
        behind.subarray(1),
      ]);
  }
}

const SHARED = Buffer.alloc(64 * 1024);
const AROUND = 16;
/** What may stand beside it there: some of it would end the text, or go on with it. */
const NEIGHBOURS = [0, 0x22, 0x30, 0x61, 0x7d];

/** The same bytes in a pool, in memory of their own, or, until the next call, somewhere in memory that is shared. */
export function placed(bytes: Buffer, chance: Chance): Buffer {
  const kind = chance.below(3);
  if (kind === 0) return Buffer.from(bytes);
  if (kind === 1 || bytes.length > SHARED.length / 2) return Buffer.from(new Uint8Array(bytes).buffer);
  const start = AROUND + chance.below(SHARED.length - bytes.length - 2 * AROUND);
  const end = start + bytes.length;
  SHARED.fill(chance.pick(NEIGHBOURS), start - AROUND, start);
  SHARED.fill(chance.pick(NEIGHBOURS), end, end + AROUND);
  bytes.copy(SHARED, start);
  return SHARED.subarray(start, end);
}
