/** What stands for a request that is out is there once for each target, not once for each request under way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSystemTime } from "../../src/base/system-time.ts";
import type { Network } from "../../src/upstream/dial.ts";
import { originOf } from "../../src/upstream/origin.ts";
import { OriginPool } from "../../src/upstream/pool.ts";

const deadlinesOf = (connect: number) => ({ connect, firstByte: 0, idle: 0, total: 0 });

function createPool(): OriginPool {
  const network = { time: createSystemTime() } satisfies Partial<Network>;
  return new OriginPool(originOf("http://127.0.0.1:1"), {
    network: network as unknown as Network,
    takePlace: () => false,
    givePlace() {},
    enterLine: () => false,
    leaveLine() {},
    watchIdle() {},
  });
}

test("targets of one origin that are asked in turn have one each", () => {
  const pool = createPool();
  const targets = Array.from({ length: 4 }, (_, i) => deadlinesOf(i));
  const first = targets.map((deadlines) => pool.spent(deadlines));
  assert.deepEqual(
    first.map(({ deadlines }) => deadlines),
    targets,
  );
  for (let turn = 0; turn < 3; turn++)
    targets.forEach((deadlines, i) => {
      assert.equal(pool.spent(deadlines), first[i]);
    });
});

test("deadlines that are others each time are not held on to", () => {
  const pool = createPool();
  const old = deadlinesOf(1);
  const first = pool.spent(old);
  for (let i = 0; i < 100; i++) assert.equal(pool.spent(deadlinesOf(i)).deadlines.connect, i);
  assert.notEqual(pool.spent(old), first);
});
