import assert from "node:assert/strict";
import { test } from "node:test";
import { LruMap } from "../../src/base/lru-map.ts";

test("the entry unused for longest is forgotten first, and reading is a use", () => {
  const evicted: string[] = [];
  const map = new LruMap<number>(2, Number.POSITIVE_INFINITY, (_value, key) => evicted.push(key));
  map.set("a", 1, 0);
  map.set("b", 2, 1);
  assert.equal(map.get("a", 2), 1);
  map.set("c", 3, 3);
  assert.deepEqual(evicted, ["b"]);
  assert.deepEqual([...map.keys()], ["a", "c"]);
  map.set("a", 4, 4);
  assert.equal(map.size, 2);
  assert.deepEqual([...map.values()], [3, 4]);
});

test("an idle entry is gone after its time, a used one stays", () => {
  const map = new LruMap<string>(10, 1000);
  map.set("a", "x", 0);
  assert.equal(map.get("a", 999), "x");
  assert.equal(map.get("a", 1998), "x");
  assert.equal(map.get("a", 2998), undefined);
  assert.equal(map.size, 0);
});

test("a deleted entry is gone and its absence is told", () => {
  const map = new LruMap<number>(2);
  map.set("a", 1, 0);
  assert.equal(map.delete("a"), true);
  assert.equal(map.delete("a"), false);
  assert.equal(map.get("a", 0), undefined);
});
