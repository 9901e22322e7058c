import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_HEALTH_OPTIONS } from "../../src/health/options.ts";
import { HealthRegistry } from "../../src/health/registry.ts";
import { recordOf } from "../../src/health/snapshot.ts";
import { statusOf } from "../../src/health/status.ts";
import { CHAT, CLOCK_WRONG, CREDENTIAL, FAILED, limited, NO_JITTER, Target } from "./target.ts";

const OPTIONS = DEFAULT_HEALTH_OPTIONS;
const SAVED_AT = 1_700_000_000_000;

function registry(...identities: string[]): HealthRegistry {
  const made = new HealthRegistry(OPTIONS, NO_JITTER, 8);
  made.configure(identities, OPTIONS, 0);
  return made;
}

test("a reload keeps the state of targets that stay and follows the new settings", () => {
  const health = registry("a", "b");
  const a = health.of("a", 0);
  a.offline = true;
  a.start(0, 0, "whole", CHAT, "plain")?.settle(10, FAILED);
  health.configure(["c", "a"], { ...OPTIONS, circuit: { ...OPTIONS.circuit, threshold: 2 } }, 20);
  assert.equal(health.of("a", 20), a);
  assert.equal(a.offline, true);
  a.offline = false;
  a.start(20, 0, "whole", CHAT, "plain")?.settle(30, FAILED);
  assert.equal(a.circuit.isOpen, true, "the new threshold of 2");
  assert.deepEqual(
    [...health.entries()].map(([identity]) => identity),
    ["c", "a"],
  );
});

test("a reload that drops a target cancels its observer", () => {
  const health = registry("a");
  let cancelled = 0;
  health
    .of("a", 0)
    .start(0, 0, "stream", CHAT, "plain")
    ?.observe(100, () => cancelled++);
  health.configure(["b"], OPTIONS, 200);
  assert.equal(cancelled, 1);
});

test("names that callers make up live in a bounded place and never push out configured targets", () => {
  const health = registry("a");
  const a = health.of("a", 0);
  let cancelled = 0;
  health
    .of("made-up-0", 0)
    .start(0, 0, "stream", CHAT, "plain")
    ?.observe(100, () => cancelled++);
  for (let i = 1; i < 5000; i++) health.of(`made-up-${i}`, i);
  assert.equal(health.madeUpCount, 8);
  assert.equal(health.of("a", 5000), a);
  assert.equal(cancelled, 1, "an evicted target's observer ends");
});

test("a made-up name that gets configured keeps what is known of it", () => {
  const health = registry("a");
  const made = health.of("p/new-model", 0);
  health.configure(["a", "p/new-model"], OPTIONS, 10);
  assert.equal(health.of("p/new-model", 20), made);
  assert.equal(health.madeUpCount, 0);
});

test("a jump of the wall clock brings back targets whose certificate seemed wrong", () => {
  const health = registry("a");
  const a = health.of("a", 0);
  a.start(0, 0, "whole", CHAT, "plain")?.settle(1, CLOCK_WRONG);
  assert.equal(a.admission(2, CHAT).state, "out");
  health.clockJumped();
  assert.equal(a.admission(2, CHAT).state, "usable");
});

function used(): Target {
  const target = new Target();
  target.ask("success", 400);
  const stream = target.start("stream");
  stream.content(target.now + 120);
  target.now += 900;
  stream.settle(target.now, "success");
  target.ask(CREDENTIAL, 0);
  target.ask(limited(60_000), 0);
  target.fail(3);
  target.health.learn([{ kind: "tokens", limit: 100, remaining: 5, resetMs: 600_000 }], target.now);
  target.health.addTokens(10, 20);
  target.health.offline = true;
  return target;
}

test("a restart brings everything back, less the time that passed", () => {
  const before = used();
  const saved = registry("x");
  const record = JSON.parse(JSON.stringify({ x: recordOf(before.health, before.now, SAVED_AT), gone: {} }));
  saved.restore(record, 50, SAVED_AT + 10_000);
  const after = statusOf(saved.of("x", 50), 50);
  const was = statusOf(before.health, before.now);
  assert.equal(after.status, "offline");
  assert.equal(after.wholeLatency, was.wholeLatency);
  assert.equal(after.streamLatency, was.streamLatency);
  assert.equal(after.errorRate, was.errorRate);
  assert.equal(after.circuit, "open");
  assert.equal(after.circuitLeft, was.circuitLeft - 10_000);
  assert.equal(after.cooldownLeft, was.cooldownLeft - 10_000);
  assert.deepEqual(after.quota, [{ kind: "tokens", limit: 100, remaining: 5, resetMs: 590_000 }]);
  assert.deepEqual(after.totals, was.totals);
  assert.deepEqual(saved.of("x", 50).firstContents.toArray(), [120]);
  assert.equal(saved.madeUpCount, 0, "a target that is not configured any more is not brought back");
});

test("what the registry writes it reads back", () => {
  const before = registry("x");
  before.of("x", 0).start(0, 0, "whole", CHAT, "plain")?.settle(700, "success");
  const after = registry("x");
  after.restore(JSON.parse(JSON.stringify(before.record(1000, SAVED_AT))), 5, SAVED_AT);
  assert.equal(after.of("x", 5).latency("whole"), 700);
});

test("a boot without a clock neither shortens nor lengthens waits", () => {
  const before = used();
  const saved = registry("x");
  saved.restore({ x: recordOf(before.health, before.now, SAVED_AT) }, 50, 0);
  assert.equal(statusOf(saved.of("x", 50), 50).circuitLeft, statusOf(before.health, before.now).circuitLeft);
});

test("a state file with rubbish in it does no harm", () => {
  const bad = [null, 7, "x", [], { circuit: 3 }, { circuit: { open: true, waitLeft: 1e300, failures: -4 } }];
  for (const record of [
    ...bad,
    {
      success: 7,
      stream: "fast",
      firstContents: { 0: 1 },
      bench: [["chat"], 3],
      quota: [{ kind: "x" }, null],
    },
    {
      bench: Array(1000).fill(["e", 5000, "credential"]),
      firstContents: Array(1000).fill(1),
      offline: "yes",
    },
  ]) {
    const health = registry("x");
    health.restore({ x: record }, 0, 1000);
    const target = health.of("x", 0);
    assert.equal(target.success.value, 1);
    assert.equal(target.offline, false);
    assert.ok(!target.circuit.isOpen || target.circuit.waitUntil <= 300_000);
    const state = target.admission(400_000, CHAT);
    assert.ok(state.state !== "out", JSON.stringify(record));
  }
  const health = registry("x");
  for (const records of [null, 5, "text", []]) health.restore(records, 0, 0);
  assert.equal(health.of("x", 0).admission(0, CHAT).state, "usable");
});
