import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_HEALTH_OPTIONS } from "../../src/health/options.ts";
import { seededRandom, seedOf } from "../support/seed.ts";
import {
  CALLER_ERROR,
  CHAT,
  CREDENTIAL,
  FAILED,
  limited,
  NO_CONNECTION,
  Target,
  TIMED_OUT,
  UNKNOWN_MODEL,
} from "./target.ts";

function opened(): Target {
  const target = new Target();
  target.fail(3);
  assert.equal(target.state, "open");
  return target;
}

test("three failures in a row open the circuit, two with a success between do not", () => {
  const target = new Target();
  target.fail(2);
  target.ask("success");
  target.fail(2);
  assert.equal(target.state, "usable");
  target.fail(1);
  assert.equal(target.state, "open");
  assert.equal(target.left, 15_000);
});

test("a caller's own error breaks the row of failures, but is no success", () => {
  const target = new Target();
  target.fail(2);
  target.ask(CALLER_ERROR);
  target.fail(2);
  assert.equal(target.state, "usable");
  assert.ok(target.health.successRate < 0.25);
});

test("one failure is forgotten per idle period", () => {
  const target = new Target();
  target.fail(2);
  target.now += 300_000;
  target.fail(1);
  assert.equal(target.state, "usable", "two, one forgotten, one more: two");
  target.fail(1);
  assert.equal(target.state, "open");
  const patient = new Target();
  patient.fail(2);
  patient.now += 600_000;
  patient.fail(2);
  assert.equal(patient.state, "usable");
});

test("after the wait exactly one probe goes, the others skip the target", () => {
  const target = opened();
  target.toProbe();
  assert.equal(target.state, "probe");
  const probe = target.start();
  assert.equal(target.state, "probing");
  assert.equal(target.health.start(target.now, 0, "whole", CHAT, "probe"), null);
  target.now += 100;
  probe.settle(target.now, "success");
  assert.equal(target.state, "usable");
});

test("the sample that closes a circuit sets its own average afresh and makes the other mode cold", () => {
  const target = new Target();
  target.ask("success", 9000);
  const attempt = target.start("stream");
  attempt.content(target.now + 5000);
  attempt.settle(target.now + 6000, "success");
  target.fail(3);
  target.toProbe();
  const probe = target.start("stream");
  target.now += 250;
  probe.content(target.now);
  assert.equal(target.state, "usable", "content is enough, the end need not come");
  assert.equal(target.health.latency("stream"), 250);
  assert.equal(target.health.latency("whole"), -1);
});

test("a circuit that closes lifts the success average to 0.9 and clears the count", () => {
  const target = opened();
  assert.ok(target.health.successRate < 0.35);
  target.toProbe();
  target.ask("success");
  assert.ok(target.health.successRate >= 0.9);
  target.fail(2);
  assert.equal(target.state, "usable");
});

test("a caller's own error on a probe closes the circuit", () => {
  const target = opened();
  target.toProbe();
  target.ask(CALLER_ERROR);
  assert.equal(target.state, "usable");
  assert.ok(target.health.successRate >= 0.9);
});

test("a rate limit on a probe closes the circuit and sets the cooldown", () => {
  const target = opened();
  target.toProbe();
  target.ask(limited(7000));
  assert.equal(target.health.circuit.isOpen, false);
  assert.equal(target.state, "cooling");
  assert.equal(target.left, 7000);
});

test("a bad credential on a probe closes the circuit and benches the endpoint", () => {
  const target = opened();
  target.toProbe();
  target.ask(CREDENTIAL);
  assert.equal(target.health.circuit.isOpen, false);
  assert.equal(target.state, "benched");
  assert.equal(target.health.admission(target.now, "embeddings").state, "usable");
});

test("the wait stays at the cooldown for eight quick failures, then doubles up to its maximum", () => {
  const target = opened();
  const waits: number[] = [];
  for (let i = 0; i < 15; i++) {
    target.toProbe();
    target.fail(1, 100);
    waits.push(target.left);
  }
  assert.deepEqual(waits.slice(0, 8), Array(8).fill(15_000));
  assert.deepEqual(waits.slice(8, 14), [30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
});

test("a probe that times out doubles the wait at once, and so does one that failed slowly", () => {
  const target = opened();
  target.toProbe();
  const probe = target.start();
  target.now += 500;
  probe.settle(target.now, TIMED_OUT);
  assert.equal(target.left, 30_000);
  target.toProbe();
  target.fail(1, 2001);
  assert.equal(target.left, 60_000);
  target.toProbe();
  target.fail(1, 2000);
  assert.equal(target.left, 60_000, "within two seconds is quick");
});

test("failures that timed out and opened the circuit do not lengthen the first wait", () => {
  const target = new Target();
  for (let i = 0; i < 3; i++) target.ask(TIMED_OUT, 12_000);
  assert.equal(target.left, 15_000);
  const admission = target.health.admission(target.now, CHAT);
  assert.ok(admission.state === "out" && !admission.quick);
});

test("waits lie within 10 % of what they should be and never above the maximum", () => {
  const seed = seedOf(7);
  const next = seededRandom(seed);
  const target = new Target({}, { next });
  target.fail(3);
  let shortest = Number.POSITIVE_INFINITY;
  let longest = 0;
  for (let i = 0; i < 200; i++) {
    const wait = target.left;
    shortest = Math.min(shortest, wait);
    longest = Math.max(longest, wait);
    assert.ok(wait >= 13_500 && wait <= 16_500, `wait ${wait}, SEED=${seed}`);
    target.toProbe();
    target.ask("success");
    target.fail(3);
  }
  assert.ok(shortest < 14_000 && longest > 16_000, "the jitter is used");
  for (let i = 0; i < 30; i++) {
    target.toProbe();
    target.ask(TIMED_OUT);
    assert.ok(target.left <= 300_000, `SEED=${seed}`);
  }
  assert.ok(target.left >= 270_000, `SEED=${seed}`);
});

for (const [how, end] of [
  ["the client of the probe is gone", "cancelled"],
  ["the probe found no free connection", NO_CONNECTION],
] as const) {
  test(`the permit comes back and the next request is the probe when ${how}`, () => {
    const target = opened();
    target.toProbe();
    const probe = target.start();
    target.now += 400;
    probe.settle(target.now, end);
    assert.equal(target.state, "probe");
  });
}

test("a losing probe that cannot observe gives the permit back and the wait starts again undoubled", () => {
  const target = new Target();
  const slow = target.start("stream");
  slow.markLate();
  assert.equal(
    slow.observe(target.now, () => {}),
    true,
  );
  target.fail(3);
  assert.equal(target.state, "open");
  target.toProbe();
  const probe = target.start("stream");
  target.now += 1000;
  assert.equal(
    probe.observe(target.now, () => {}),
    false,
    "the place is taken",
  );
  probe.settle(target.now, "lost");
  assert.equal(target.state, "open");
  assert.equal(target.left, 15_000);
  target.now += 5000;
  slow.content(target.now);
  assert.equal(target.state, "usable", "the observer that ran gives the verdict");
});

test("a losing probe keeps the permit as observer until its content closes the circuit", () => {
  const target = opened();
  target.toProbe();
  const probe = target.start("stream");
  target.now += 1000;
  assert.ok(probe.observe(target.now, () => {}));
  target.now += 60_000;
  assert.equal(target.state, "probing");
  probe.content(target.now);
  assert.equal(target.state, "usable");
  assert.equal(target.health.latency("stream"), 61_000);
});

test("an observer that runs into its deadline opens the half-open circuit again with twice the wait", () => {
  const target = opened();
  target.toProbe();
  const probe = target.start("stream");
  target.now += 1000;
  assert.ok(probe.observe(target.now, () => {}));
  target.now += 179_000;
  probe.settle(target.now, TIMED_OUT);
  assert.equal(target.state, "open");
  assert.equal(target.left, 30_000);
});

test("a request asked for want of anything better closes the circuit when it succeeds", () => {
  const target = opened();
  target.now += 1000;
  target.ask("success");
  assert.equal(target.state, "usable");
  assert.ok(target.health.successRate >= 0.9);
});

test("a request asked for want of anything better changes neither wait nor count when it fails", () => {
  const target = opened();
  const wait = target.left;
  target.now += 1000;
  for (let i = 0; i < 20; i++) target.fail(1, 0);
  assert.equal(target.left, wait - 1000);
  target.toProbe();
  target.fail(1, 0);
  assert.equal(target.left, 15_000, "it was the first quick probe");
});

test("an answer to a request sent before the circuit opened does not close it", () => {
  const target = new Target();
  const early = target.start();
  target.fail(3);
  target.now += 100;
  early.settle(target.now, "success");
  assert.equal(target.state, "open");
});

test("hung requests from before a recovery do not open the circuit again", () => {
  const target = new Target();
  const hung = Array.from({ length: 5 }, () => target.start());
  target.fail(3);
  target.toProbe();
  target.ask("success");
  target.now += 60_000;
  for (const attempt of hung) attempt.settle(target.now, TIMED_OUT);
  assert.equal(target.state, "usable");
  assert.ok(target.health.successRate >= 0.9);
});

test("after a long idle time the wait is short again although many probes had failed", () => {
  const target = opened();
  for (let i = 0; i < 14; i++) {
    target.toProbe();
    target.fail(1);
  }
  assert.equal(target.left, 300_000);
  target.toProbe();
  target.now += 12 * 3_600_000;
  target.fail(1);
  assert.equal(target.left, 15_000);
});

test("reset by hand clears failures, circuit, cooldown, bench and probe permit", () => {
  const target = opened();
  target.toProbe();
  const probe = target.start();
  target.health.reset();
  assert.equal(target.state, "usable");
  target.fail(2);
  assert.equal(target.state, "usable");
  probe.settle(target.now, TIMED_OUT);
  assert.equal(target.state, "usable", "what was sent before the reset does not count");
  target.ask(UNKNOWN_MODEL);
  target.ask(limited(60_000));
  target.health.reset();
  assert.equal(target.state, "usable");
  assert.equal(target.health.successRate, 1);
});

test("offline by hand wins over everything and ends by hand", () => {
  const target = new Target();
  target.health.offline = true;
  assert.equal(target.state, "offline");
  target.now += 1e9;
  assert.equal(target.state, "offline");
  target.health.offline = false;
  assert.equal(target.state, "usable");
});

test("a threshold of one opens at the first failure", () => {
  const target = new Target({ circuit: { ...DEFAULT_HEALTH_OPTIONS.circuit, threshold: 1 } });
  target.ask(FAILED);
  assert.equal(target.state, "open");
});

test("only the first report of an attempt counts", () => {
  const target = new Target();
  const attempt = target.start();
  for (let i = 0; i < 5; i++) attempt.settle(target.now, FAILED);
  assert.equal(target.health.totals.failures, 1);
  assert.equal(target.state, "usable");
  assert.equal(attempt.successBefore, 1);
});
