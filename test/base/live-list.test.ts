/** The list of what is under way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type LiveEntry, LiveList } from "../../src/base/live-list.ts";

test("what was added is there until it is removed, in any order, once", () => {
  const list = new LiveList<number>();
  const [a, b, c] = [1, 2, 3].map((value) => list.add(value)) as [
    LiveEntry<number>,
    LiveEntry<number>,
    LiveEntry<number>,
  ];
  assert.deepEqual(list.toArray().sort(), [1, 2, 3]);
  list.remove(b);
  list.remove(b);
  assert.deepEqual(list.toArray().sort(), [1, 3]);
  assert.equal(list.size, 2);
  assert.equal(b.value, null, "a removed entry holds nothing");
  list.remove(a);
  list.remove(c);
  assert.deepEqual(list.toArray(), []);
  list.add(4);
  assert.deepEqual(list.toArray(), [4]);
});
