import assert from "node:assert/strict";
import { test } from "node:test";
import { Ring } from "../../src/base/ring.ts";

test("a new one takes the place of the oldest", () => {
  const ring = new Ring<number>(3);
  assert.deepEqual(ring.all, []);
  for (let i = 1; i <= 3; i++) ring.add(i);
  assert.deepEqual(ring.all, [1, 2, 3]);
  ring.add(4);
  assert.deepEqual(ring.all, [4, 2, 3]);
  for (let i = 5; i <= 7; i++) ring.add(i);
  assert.deepEqual([...ring.all].sort(), [5, 6, 7]);
});
