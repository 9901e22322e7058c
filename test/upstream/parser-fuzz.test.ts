import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../support/fake-time.ts";
import { mutated } from "./mutate.ts";
import { parse, split } from "./parse.ts";

test("100,000 mutated answers neither throw nor depend on where they were cut, and memory stays flat", () => {
  const seed = Number(process.env["SEED"] ?? 1);
  fuzz(10_000, seed);
  const before = settledHeap();
  let refused = 0;
  for (let part = 1; part <= 9; part += 1) refused += fuzz(10_000, seed + part);
  const grown = settledHeap() - before;
  assert.ok(grown < 4 * 1024 * 1024, `the heap grew by ${grown} bytes`);
  assert.ok(
    refused > 20_000 && refused < 80_000,
    `${refused} refused: the mutations are too tame or too wild`,
  );
});

/** Returns how many were refused. */
function fuzz(rounds: number, seed: number): number {
  const random = seededRandom(seed);
  let refused = 0;
  for (let round = 0; round < rounds; round += 1) {
    const bytes = mutated(random);
    const whole = parse([bytes]);
    const cut = Math.floor(random.next() * (bytes.length + 1));
    const pieces = parse(split(bytes, cut));
    const where = `SEED=${seed}, round ${round}, cut at ${cut}`;
    assert.equal(pieces.end, whole.end, where);
    assert.equal(pieces.status, whole.status, where);
    assert.equal(pieces.body, whole.body, where);
    assert.equal(pieces.surplus, whole.surplus, where);
    assert.ok(whole.body.length <= bytes.length, where);
    if (!["done", "open", "cut"].includes(whole.end)) refused += 1;
  }
  return refused;
}

function settledHeap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
