import assert from "node:assert/strict";
import { test } from "node:test";
import { statusWord } from "../../src/health/status.ts";
import { CALLER_ERROR, FAILED, Target, TIMED_OUT } from "./target.ts";

function suspect(): { target: Target; cancelled: () => number; observer: ReturnType<Target["start"]> } {
  const target = new Target();
  const observer = target.start("stream");
  target.now += 12_000;
  observer.markLate();
  let calls = 0;
  assert.ok(observer.observe(target.now, () => calls++));
  return { target, cancelled: () => calls, observer };
}

test("a target with a silent observer is skipped for one cooldown, without a counted failure", () => {
  const { target } = suspect();
  assert.equal(target.state, "suspect");
  assert.equal(target.left, 15_000);
  assert.equal(statusWord(target.health, target.now), "suspect");
  assert.equal(target.health.totals.failures, 0);
  assert.equal(target.health.successRate, 1);
});

test("one probe per cooldown while the observer is silent", () => {
  const { target } = suspect();
  target.toProbe();
  assert.equal(target.state, "probe");
  const probe = target.start("stream");
  assert.equal(target.state, "suspect");
  target.now += 1000;
  assert.equal(
    probe.observe(target.now, () => {}),
    false,
  );
  probe.settle(target.now, "lost");
  assert.equal(target.state, "suspect");
  assert.equal(target.left, 15_000);
});

test("the probe of a suspect target that answers with an error leaves it suspect for another cooldown", () => {
  for (const outcome of [FAILED, CALLER_ERROR]) {
    const { target, cancelled } = suspect();
    target.toProbe();
    target.ask(outcome);
    assert.equal(target.state, "suspect");
    assert.equal(target.left, 15_000);
    assert.equal(cancelled(), 0);
  }
});

test("content from any other attempt ends the suspicion and cancels the observer once", () => {
  const { target, cancelled, observer } = suspect();
  target.toProbe();
  const probe = target.start("stream");
  target.now += 300;
  probe.content(target.now);
  assert.equal(target.state, "usable");
  assert.equal(cancelled(), 1);
  assert.equal(target.health.latency("stream"), 300, "set afresh");
  observer.settle(target.now, TIMED_OUT);
  assert.equal(target.health.totals.failures, 0, "a cancelled observer reports nothing more");
  assert.equal(cancelled(), 1);
});

test("the observer's own content ends the suspicion and is a true sample", () => {
  const { target, cancelled, observer } = suspect();
  target.now += 18_000;
  observer.content(target.now);
  assert.equal(cancelled(), 0);
  assert.equal(target.state, "usable");
  assert.equal(target.health.latency("stream"), 30_000);
  assert.deepEqual(target.health.firstContents.toArray(), [30_000]);
});

test("an observer that gets no content by its deadline is a counted failure and ends the suspicion", () => {
  const { target, observer } = suspect();
  target.now += 168_000;
  observer.settle(target.now, TIMED_OUT);
  assert.equal(target.state, "usable");
  assert.equal(target.health.totals.failures, 1);
});

test("one observer at a time; a loser without the place raises the provisional latency", () => {
  const { target } = suspect();
  const other = target.start("stream");
  target.now += 14_000;
  assert.equal(
    other.observe(target.now, () => {}),
    false,
  );
  other.settle(target.now, "lost");
  assert.equal(target.health.latency("stream"), 14_000);
  assert.equal(target.left, 1000, "only a probe starts the wait again");
});

test("neither a whole answer nor an attempt with content can observe", () => {
  const target = new Target();
  assert.equal(
    target.start("whole").observe(target.now, () => {}),
    false,
  );
  const attempt = target.start("stream");
  attempt.content(target.now);
  assert.equal(
    attempt.observe(target.now, () => {}),
    false,
  );
});

test("the permit of a suspicion does not outlive it", () => {
  const { target, observer } = suspect();
  target.toProbe();
  target.start("stream");
  observer.content(target.now + 10);
  assert.equal(target.state, "usable");
  target.fail(3);
  target.toProbe();
  assert.equal(target.state, "probe");
});

test("reset and dropping the target cancel the observer", () => {
  const reset = suspect();
  reset.target.health.reset();
  assert.equal(reset.cancelled(), 1);
  assert.equal(reset.target.state, "usable");
  const dropped = suspect();
  dropped.target.health.close();
  dropped.target.health.close();
  assert.equal(dropped.cancelled(), 1);
});

test("a target that is dropped is observed no more: requests that hold it may end later", () => {
  const target = new Target();
  const attempt = target.start("stream");
  target.now += 15_000;
  attempt.markLate();
  target.health.close();
  assert.equal(
    attempt.observe(target.now, () => {}),
    false,
  );
  assert.equal(target.state, "usable");
});

test("a client that left a late attempt raises the provisional latency, one that left early does not", () => {
  const target = new Target();
  const early = target.start("stream");
  target.now += 5000;
  early.settle(target.now, "cancelled");
  assert.equal(target.health.latency("stream"), -1);
  const late = target.start("stream");
  target.now += 13_000;
  late.markLate();
  late.settle(target.now, "cancelled");
  assert.equal(target.health.latency("stream"), 13_000);
});
