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
