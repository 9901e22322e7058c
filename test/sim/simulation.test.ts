/** A few seeds of the simulation; the long suite runs 200. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seedOf } from "../support/seed.ts";
import { simulate } from "./simulation.ts";

const first = seedOf(1);

for (let seed = first; seed < first + 20; seed++) {
  test(`seed ${seed}: every request ends once, whole or with an error, and nothing is left`, () => {
    const result = simulate(seed, 300);
    assert.ok(result.answered > 50, JSON.stringify(result));
  });
}

/** Seeds that broke a rule once, with the steps they need; the rule they broke. */
const FOUND = [
  [3009, 1000, "those that had waited for a probe went out together, on budget taken long before"],
  [5193, 300, "hedging switched the connect deadline off"],
  [11, 300, "a second send went out before the time that others had been told"],
  [24, 300, "a target that a reload had dropped was observed"],
  [5102, 300, "a lone target's whole answer without figures was booked as free"],
] as const;

for (const [seed, steps, what] of FOUND) {
  test(`seed ${seed}: ${what}`, () => {
    simulate(seed, steps);
  });
}

test("the same seed gives the same history", () => {
  assert.equal(simulate(99, 300).digest, simulate(99, 300).digest);
  assert.notEqual(simulate(99, 300).digest, simulate(98, 300).digest);
});
