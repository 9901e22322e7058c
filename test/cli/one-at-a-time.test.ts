/** A task that never overlaps itself, however often it is asked for. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { oneAtATime } from "../../src/cli/one-at-a-time.ts";

function controlled() {
  const ends: ((error?: Error) => void)[] = [];
  const run = oneAtATime(
    () =>
      new Promise<number>((resolve, reject) => {
        const number = ends.length + 1;
        ends.push((error) => (error === undefined ? resolve(number) : reject(error)));
      }),
  );
  return { run, ends };
}

test("who asks while it runs gets the run after it, together with all others", async () => {
  const { run, ends } = controlled();
  const asked = [run(), run(), run()];
  equal(ends.length, 1);
  ends[0]?.();
  equal(await asked[0], 1);
  await new Promise(setImmediate);
  equal(ends.length, 2);
  const later = run();
  ends[1]?.();
  deepEqual(await Promise.all(asked), [1, 2, 2]);
  await new Promise(setImmediate);
  ends[2]?.();
  equal(await later, 3);
});

test("a run that fails does not spoil the next", async () => {
  const { run, ends } = controlled();
  const [first, second] = [run(), run()];
  ends[0]?.(new Error("no"));
  await rejects(first, /no/);
  await new Promise(setImmediate);
  ends[1]?.();
  equal(await second, 2);
});
