import assert from "node:assert/strict";
import { test } from "node:test";
import { statusWord } from "../../src/health/status.ts";
import {
  CALLER_ERROR,
  CHAT,
  CLOCK_WRONG,
  CREDENTIAL,
  FAILED,
  limited,
  Target,
  UNKNOWN_MODEL,
} from "./target.ts";

test("a 429 keeps the target from being asked before its time and never opens the circuit", () => {
  const target = new Target();
  for (let i = 0; i < 10; i++) target.ask(limited(20_000), 0);
  assert.equal(target.state, "cooling");
  assert.equal(target.left, 20_000);
  assert.equal(target.health.circuit.isOpen, false);
  assert.equal(target.health.successRate, 1);
  target.now += 20_000;
  assert.equal(target.state, "usable");
});

test("a 429 that names no time cools for the configured time; a shorter word does not shorten a longer one", () => {
  const target = new Target();
  target.ask(limited(null), 0);
  assert.equal(target.left, 30_000);
  target.ask(limited(1000), 0);
  assert.equal(target.left, 30_000);
});

test("a credential failure benches the endpoint for five minutes, an unknown model likewise", () => {
  const target = new Target();
  target.ask(CREDENTIAL, 0);
  assert.equal(target.state, "benched");
  assert.equal(target.left, 300_000);
  assert.equal(statusWord(target.health, target.now), "benched");
  assert.equal(target.health.admission(target.now, "embeddings").state, "usable");
  target.now += 300_000;
  assert.equal(target.state, "usable");
  target.ask(UNKNOWN_MODEL, 0);
  assert.equal(statusWord(target.health, target.now), "misconfigured");
  assert.equal(target.left, 300_000);
});

test("a success on a benched endpoint lifts the bench", () => {
  const target = new Target();
  target.ask(CREDENTIAL, 0);
  target.ask("success");
  assert.equal(target.state, "usable");
});

test("endpoints that callers make up cannot grow the bench without bound", () => {
  const target = new Target();
  for (let i = 0; i < 1000; i++) {
    target.health.start(target.now, 0, "whole", `endpoint-${i}`, "plain")?.settle(target.now, CREDENTIAL);
  }
  assert.equal(target.health.bench.record(target.now).length, 32);
});

test("a certificate that only our clock finds wrong takes the target out until the clock jumps", () => {
  const target = new Target();
  target.ask(CLOCK_WRONG, 0);
  assert.equal(target.state, "clock");
  target.now += 1e9;
  assert.equal(target.state, "clock");
  assert.equal(target.health.totals.failures, 0);
  target.health.clockWrong = false;
  assert.equal(target.state, "usable");
});

test("the status word names the most serious condition", () => {
  const target = new Target();
  const word = () => statusWord(target.health, target.now);
  assert.equal(word(), "cold");
  target.ask("success");
  assert.equal(word(), "warm");
  target.ask(FAILED);
  assert.equal(word(), "degraded");
  target.ask(limited(5000));
  assert.equal(word(), "limited");
  target.fail(3);
  assert.equal(word(), "open");
  target.ask(CREDENTIAL);
  assert.equal(word(), "benched");
  target.health.offline = true;
  assert.equal(word(), "offline");
});

test("cooling is named before an open circuit: a rate-limited target is not asked for want of anything better", () => {
  const target = new Target();
  target.fail(3);
  target.ask(limited(60_000), 0);
  assert.equal(target.state, "cooling");
  target.ask(CALLER_ERROR, 0);
  assert.equal(target.health.admission(target.now, CHAT).state, "out");
});
