/** Bodies kept for repairs give way to new requests. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRepairBodies } from "../../src/gateway/repair-bodies.ts";
import { createMemoryBudget } from "../../src/limits/memory.ts";

test("above 75 % the oldest bodies go first, and only as many as needed", () => {
  const bodies = createRepairBodies(createMemoryBudget(1000));
  const { memory } = bodies;
  const dropped: string[] = [];
  for (const name of ["a", "b", "c"]) {
    assert.equal(memory.admit(200, 0), null);
    bodies.insure({
      dropBody() {
        dropped.push(name);
        memory.release(200);
      },
    });
  }
  assert.equal(memory.admit(150, 0), null);
  assert.deepEqual(dropped, []);
  assert.equal(memory.admit(100, 0), null);
  assert.deepEqual(dropped, ["a"]);
  assert.equal(memory.admit(400, 0), null);
  assert.deepEqual(dropped, ["a", "b", "c"]);
  assert.deepEqual([memory.used, bodies.dropped, bodies.kept], [650, 3, 0]);
});

test("a repair that is over is not dropped any more", () => {
  const bodies = createRepairBodies(createMemoryBudget(100));
  assert.equal(bodies.memory.admit(70, 0), null);
  const holder = { dropBody: () => assert.fail("dropped") };
  bodies.insure(holder);
  bodies.uninsure(holder);
  assert.equal(bodies.memory.admit(20, 0), null);
  assert.deepEqual([bodies.kept, bodies.dropped], [0, 0]);
});

test("a body that could never fit drops nothing", () => {
  const bodies = createRepairBodies(createMemoryBudget(100));
  assert.equal(bodies.memory.admit(50, 0), null);
  bodies.insure({ dropBody: () => assert.fail("dropped") });
  assert.equal(bodies.memory.admit(101, 0)?.status, 413);
});
