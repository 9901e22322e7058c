import assert from "node:assert/strict";
import { test } from "node:test";
import { LatencyAverage, SuccessAverage } from "../../src/health/averages.ts";
import { RecentTimes } from "../../src/health/recent-times.ts";
import { FAILED, Target } from "./target.ts";

test("the first sample sets the latency average, the next ones move it by alpha", () => {
  const average = new LatencyAverage();
  assert.equal(average.value, -1);
  average.sample(100, 0.3);
  assert.equal(average.value, 100);
  average.sample(200, 0.3);
  assert.equal(average.value, 130);
});

test("a late attempt raises a provisional value only, and the next true sample drops it", () => {
  const average = new LatencyAverage();
  average.sample(100, 0.3);
  average.raise(50);
  assert.equal(average.value, 100);
  average.raise(12_000);
  assert.equal(average.value, 12_000);
  assert.equal(average.settled, 100);
  average.raise(3_000);
  assert.equal(average.value, 12_000);
  average.sample(100, 0.3);
  assert.equal(average.value, 100);
});

test("a cold target that was late is judged by its provisional value", () => {
  const average = new LatencyAverage();
  average.raise(8_000);
  assert.equal(average.cold, false);
  assert.equal(average.value, 8_000);
  average.sample(90, 0.3);
  assert.equal(average.value, 90);
});

test("success is 1 at first, 0.7 after one failure, 0.49 after two", () => {
  const average = new SuccessAverage();
  average.sample(false, 0.3);
  assert.ok(Math.abs(average.value - 0.7) < 1e-9);
  average.sample(false, 0.3);
  assert.ok(Math.abs(average.value - 0.49) < 1e-9);
  average.sample(true, 0.3);
  assert.ok(Math.abs(average.value - 0.643) < 1e-9);
  average.lift(0.9);
  assert.equal(average.value, 0.9);
});

test("the last 50 times are kept, the median needs 3 and the 95th percentile 20", () => {
  const target = new Target();
  const seen = (n: number) => {
    for (let i = 0; i < n; i++) {
      const attempt = target.start("stream");
      target.now += 100 + i;
      attempt.content(target.now);
      attempt.settle(target.now, "success");
    }
  };
  seen(2);
  assert.equal(target.health.medianFirstContent(), null);
  seen(1);
  assert.equal(target.health.medianFirstContent(), 100);
  seen(16);
  assert.equal(target.health.p95("stream"), null);
  seen(1);
  assert.notEqual(target.health.p95("stream"), null);

  const times = new RecentTimes();
  for (let i = 1; i <= 1000; i++) times.add(i);
  assert.equal(times.count, 50);
  assert.equal(times.toArray()[0], 951);
  assert.equal(times.percentile(0.95, 20), 998);
  assert.equal(times.percentile(0.5, 3), 975);
});

test("streaming and whole answers have averages of their own", () => {
  const target = new Target();
  target.ask("success", 4000);
  assert.equal(target.health.latency("whole"), 4000);
  assert.equal(target.health.latency("stream"), -1);
  const attempt = target.start("stream");
  target.now += 300;
  attempt.content(target.now);
  target.now += 5000;
  attempt.settle(target.now, "success");
  assert.equal(target.health.latency("stream"), 300);
  assert.equal(target.health.latency("whole"), 4000);
});

test("a stream cut after its content counts as a failure however often content came", () => {
  const target = new Target();
  for (let i = 0; i < 3; i++) {
    const attempt = target.start("stream");
    target.now += 100;
    attempt.content(target.now);
    target.now += 1000;
    attempt.settle(target.now, FAILED);
  }
  assert.equal(target.state, "open");
});
