import assert from "node:assert/strict";
import { test } from "node:test";
import { createWriteTurn, type TurnWriter } from "../../src/base/write-turn.ts";

test("what one turn has to write goes out in its order at the end, and that of the next turn at the end of that one", async () => {
  const turn = createWriteTurn();
  const written: string[] = [];
  const writer = (name: string, then?: TurnWriter): TurnWriter => ({
    writeNow() {
      written.push(name);
      if (then !== undefined) turn.add(then);
    },
  });
  turn.add(writer("a", writer("c")));
  turn.add(writer("b"));
  assert.deepEqual(written, []);
  await new Promise(setImmediate);
  assert.deepEqual(written, ["a", "b"]);
  await new Promise(setImmediate);
  assert.deepEqual(written, ["a", "b", "c"]);
});

test("a writer that throws does not keep the others from their turn, and nobody writes twice", (t) => {
  const scheduled: (() => void)[] = [];
  t.mock.method(globalThis, "setImmediate", (run: () => void) => scheduled.push(run));
  const turn = createWriteTurn();
  const written: string[] = [];
  const writer = (name: string): TurnWriter => ({
    writeNow() {
      written.push(name);
      if (name === "bad") throw new Error("broken");
    },
  });
  for (const name of ["a", "bad", "b", "c"]) turn.add(writer(name));
  assert.throws(() => scheduled.shift()?.(), /broken/);
  turn.add(writer("d"));
  scheduled.shift()?.();
  assert.deepEqual(written, ["a", "bad", "b", "c", "d"]);
  turn.add(writer("e"));
  scheduled.shift()?.();
  assert.deepEqual(written, ["a", "bad", "b", "c", "d", "e"]);
  assert.equal(scheduled.length, 0);
});

test("turns with many writers, one, and many again: each writes once, in order", async () => {
  const turn = createWriteTurn();
  const written: number[] = [];
  const expected: number[] = [];
  for (const many of [100, 1, 3, 200, 2]) {
    for (let i = 0; i < many; i++) {
      turn.add({ writeNow: () => written.push(i) });
      expected.push(i);
    }
    await new Promise(setImmediate);
    assert.deepEqual(written, expected);
  }
});
