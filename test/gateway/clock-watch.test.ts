/** The wall clock of a router is set minutes after it has started. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { watchClock } from "../../src/gateway/clock-watch.ts";
import { fakeTime } from "../support/fake-time.ts";

test("a jump of the wall clock is noticed once, forwards and back; slow drift is not", () => {
  const time = fakeTime({ wall: 0 });
  const jumps: number[] = [];
  const stop = watchClock(time, (by) => jumps.push(by));
  time.advance(60_000);
  time.setWall(time.clock.wall() + 500);
  time.advance(20_000);
  assert.deepEqual(jumps, []);
  time.setWall(time.clock.wall() + 1_700_000_000_000);
  time.advance(60_000);
  assert.deepEqual(jumps, [1_700_000_000_000]);
  time.setWall(time.clock.wall() - 7_200_000);
  time.advance(10_000);
  assert.deepEqual(jumps, [1_700_000_000_000, -7_200_000]);
  stop();
  assert.equal(time.pending, 0);
});
