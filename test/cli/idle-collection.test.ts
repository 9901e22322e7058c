/** Memory goes back when a time of work is over, and no collection delays a request or runs for nothing. */
import { equal } from "node:assert/strict";
import { test } from "node:test";
import { collectWhenIdle } from "../../src/cli/idle-collection.ts";
import { fakeTime } from "../support/fake-time.ts";

const MIB = 1024 * 1024;

/** A heap of 10 MiB of which nothing can be freed. */
function setUp() {
  const time = fakeTime();
  const state = { active: 0, served: 0, used: 12 * MIB, collections: 0 };
  const stop = collectWhenIdle({
    timers: time.timers,
    active: () => state.active,
    served: () => state.served,
    memory: {
      used: () => state.used,
      collect() {
        state.collections++;
        state.used = 10 * MIB;
      },
    },
  });
  return { time, state, stop };
}

test("what the start left behind is collected once, then an idle gateway does nothing", () => {
  const { time, state } = setUp();
  time.advance(60_000);
  equal(state.collections, 1);
});

test("a time of work is followed by one collection, after a pause that is worth cold code", () => {
  const { time, state } = setUp();
  time.advance(60_000);
  state.active = 3;
  state.served = 3;
  state.used = 30 * MIB;
  time.advance(300_000);
  equal(state.collections, 1, "none while requests are under way");
  state.active = 0;
  time.advance(110_000);
  equal(state.collections, 1, "the next request may come");
  time.advance(300_000);
  equal(state.collections, 2);
  equal(state.used, 10 * MIB);
});

test("some bytes are not worth it", () => {
  const { time, state } = setUp();
  time.advance(60_000);
  state.served++;
  state.used += MIB / 2;
  time.advance(300_000);
  equal(state.collections, 1);
});

test("requests between two looks are work too: a pause between them is not idleness", () => {
  const { time, state } = setUp();
  state.served = 1;
  for (let i = 0; i < 20; i++) {
    state.used += MIB;
    time.advance(100_000);
    state.served++;
  }
  equal(state.collections, 0);
});

test("a gateway that ends leaves no timer behind", () => {
  const { time, stop } = setUp();
  stop();
  equal(time.pending, 0);
});

test("the process's own garbage is collected", async () => {
  const time = fakeTime();
  const garbage = new WeakRef({ of: "this test" });
  // What a WeakRef was made of lives on until the turn is over.
  await new Promise((resolve) => setImmediate(resolve));
  const stop = collectWhenIdle({ timers: time.timers, active: () => 0, served: () => 0 });
  time.advance(10_000);
  stop();
  equal(garbage.deref(), undefined);
});
