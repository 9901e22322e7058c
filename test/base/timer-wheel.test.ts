import assert from "node:assert/strict";
import { test } from "node:test";
import { createTimerWheel, type SystemTimer } from "../../src/base/timer-wheel.ts";
import { fakeTime, seededRandom } from "../support/fake-time.ts";

interface FakeSystem extends SystemTimer {
  alive: boolean;
  sets: number;
}

/** A system timer over fake time; the wheel under test runs on it. */
function wheelOnFakeTime() {
  const time = fakeTime();
  const inner = time.timers.start(0, () => fire());
  inner.cancel();
  let fire = (): void => {};
  const system: FakeSystem = {
    alive: true,
    sets: 0,
    set(delayMs, callback) {
      fire = callback;
      system.sets += 1;
      inner.restart(delayMs);
    },
    clear: () => inner.cancel(),
    hold(alive) {
      system.alive = alive;
    },
  };
  return { time, system, inner, wheel: createTimerWheel(time.clock, system) };
}

test("a timer fires once, at its deadline or at most 50 ms later", () => {
  const { time, wheel } = wheelOnFakeTime();
  const random = seededRandom(7);
  const started: { due: number; fired: number[] }[] = [];
  for (let i = 0; i < 500; i += 1) {
    const delay = Math.floor(random.next() * 90_000);
    const entry = { due: time.clock.now() + delay, fired: [] as number[] };
    started.push(entry);
    wheel.start(delay, () => entry.fired.push(time.clock.now()));
    time.advance(random.next() * 20);
  }
  time.advance(100_000);
  for (const { due, fired } of started) {
    assert.equal(fired.length, 1);
    const late = (fired[0] ?? 0) - due;
    assert.ok(late >= 0 && late <= 51, `fired ${late} ms after its deadline`);
  }
  assert.equal(wheel.size, 0);
});

test("restart moves the deadline back and forth, cancel ends it, restart revives it", () => {
  const { time, wheel } = wheelOnFakeTime();
  const fired: number[] = [];
  const timer = wheel.start(1000, () => fired.push(time.clock.now()));
  for (let i = 0; i < 10; i += 1) {
    time.advance(900);
    timer.restart(1000);
  }
  assert.deepEqual(fired, []);
  timer.restart(100);
  time.advance(151);
  assert.equal(fired.length, 1);
  assert.equal(timer.active, false);
  timer.restart(200);
  assert.equal(timer.active, true);
  timer.cancel();
  timer.cancel();
  time.advance(1000);
  assert.equal(fired.length, 1);
  timer.restart(60_000);
  time.advance(59_000);
  assert.equal(fired.length, 1);
  time.advance(1100);
  assert.equal(fired.length, 2);
  assert.equal(wheel.size, 0);
});

test("a timer restarted inside its own callback does not run twice in one turn", () => {
  const { time, wheel } = wheelOnFakeTime();
  let count = 0;
  const timer = wheel.start(0, () => {
    count += 1;
    if (count < 5) timer.restart(0);
  });
  time.advance(51);
  assert.equal(count, 1);
  time.advance(250);
  assert.equal(count, 5);
});

test("one timer may cancel another that is due in the same turn", () => {
  const { time, wheel } = wheelOnFakeTime();
  const fired: string[] = [];
  const timers = ["a", "b"].map((name) =>
    wheel.start(100, () => {
      fired.push(name);
      for (const other of timers) other.cancel();
    }),
  );
  time.advance(200);
  assert.equal(fired.length, 1);
});

test("a callback that throws delays the others by no more than a tick", () => {
  const { time, wheel } = wheelOnFakeTime();
  const fired: string[] = [];
  wheel.start(100, () => fired.push("first"));
  wheel.start(100, () => {
    throw new Error("bug");
  });
  assert.throws(() => time.advance(120), /bug/);
  time.advance(60);
  assert.deepEqual(fired, ["first"]);
  assert.equal(wheel.size, 0);
});

test("after the machine slept, everything that is due fires at once", () => {
  const { time, wheel, inner } = wheelOnFakeTime();
  const fired: number[] = [];
  for (const delay of [100, 30_000, 200_000]) wheel.start(delay, () => fired.push(delay));
  inner.cancel();
  time.advance(3_600_000);
  inner.restart(0);
  time.advance(60_000);
  assert.deepEqual(
    fired.sort((a, b) => a - b),
    [100, 30_000, 200_000],
  );
});

test("an empty wheel lets the process end and does not wake it", () => {
  const { time, wheel, system, inner } = wheelOnFakeTime();
  const timer = wheel.start(1000, () => {});
  assert.equal(system.alive, true);
  timer.cancel();
  assert.equal(system.alive, false);
  time.advance(2000);
  assert.equal(inner.active, false);
  const sets = system.sets;
  time.advance(600_000);
  assert.equal(system.sets, sets);
  wheel.start(100, () => {});
  assert.equal(system.alive, true);
  time.advance(151);
  assert.equal(wheel.size, 0);
});

test("restarting a far deadline over and over does not touch the system timer", () => {
  const { time, wheel, system } = wheelOnFakeTime();
  const timer = wheel.start(60_000, () => assert.fail("never due"));
  const sets = system.sets;
  for (let i = 0; i < 1000; i += 1) {
    time.advance(1);
    timer.restart(60_000);
  }
  assert.equal(system.sets, sets);
  timer.cancel();
});
