import assert from "node:assert/strict";
import { test } from "node:test";
import { CHAT, Target } from "./target.ts";

const need = (inputTokens: number, outputTokens = 0) => ({
  inputTokens,
  inputAtMost: inputTokens,
  outputTokens,
});

test("an empty quota is ready again after (reset - now) * need / (limit - remaining)", () => {
  const target = new Target();
  target.health.learn([{ kind: "requests", limit: 60, remaining: 0, resetMs: 60_000 }], target.now);
  assert.equal(target.state, "quota");
  assert.equal(target.left, 1000);
  target.now += 1000;
  assert.equal(target.state, "usable");
});

test("tokens are counted against what this request needs", () => {
  const target = new Target();
  target.health.learn([{ kind: "tokens", limit: 10_000, remaining: 2000, resetMs: 48_000 }], target.now);
  assert.equal(target.health.admission(target.now, CHAT, need(1500, 500)).state, "usable");
  const admission = target.health.admission(target.now, CHAT, need(3000, 1000));
  assert.ok(admission.state === "out" && admission.reason === "quota");
  assert.equal(admission.until - target.now, (48_000 * 4000) / 8000);
});

test("a request larger than the whole quota waits for the full refill and is then tried", () => {
  const target = new Target();
  target.health.learn([{ kind: "input_tokens", limit: 1000, remaining: 1000, resetMs: 30_000 }], target.now);
  const admission = target.health.admission(target.now, CHAT, need(5000));
  assert.ok(admission.state === "out");
  assert.equal(admission.until - target.now, 30_000);
  target.now += 30_000;
  assert.equal(target.health.admission(target.now, CHAT, need(5000)).state, "usable");
});

test("what was sent since the last reading is taken off", () => {
  const target = new Target();
  target.health.learn([{ kind: "requests", limit: 100, remaining: 2, resetMs: 60_000 }], target.now);
  target.start();
  target.start();
  assert.equal(target.state, "quota");
  target.health.learn([{ kind: "requests", limit: 100, remaining: 50, resetMs: 30_000 }], target.now);
  assert.equal(target.state, "usable");
});

test("a request is looked at closely only where that could matter", () => {
  const target = new Target();
  let looks = 0;
  const costly = {
    get inputTokens() {
      looks++;
      return 100;
    },
    inputAtMost: 400,
    outputTokens: 0,
  };
  const learn = (remaining: number) =>
    target.health.learn([{ kind: "tokens", limit: 10_000, remaining, resetMs: 60_000 }], target.now);
  learn(9000);
  assert.equal(target.health.admission(target.now, CHAT, costly).state, "usable");
  target.health.start(target.now, 0, "whole", CHAT, "plain", costly);
  assert.equal(looks, 0);
  assert.equal(target.health.quota.record(target.now)[0]?.remaining, 8600);
  learn(1200);
  target.health.start(target.now, 0, "whole", CHAT, "plain", costly);
  assert.equal(target.health.quota.record(target.now)[0]?.remaining, 1100);
  assert.equal(looks, 1);
  learn(300);
  assert.equal(target.health.admission(target.now, CHAT, costly).state, "usable");
  assert.equal(looks, 2);
});

test("near the end of a quota the share shrinks in proportion, and it grows back with the refill", () => {
  const target = new Target();
  const share = (remaining: number) => {
    target.health.learn([{ kind: "requests", limit: 1000, remaining, resetMs: 60_000 }], target.now);
    return target.health.share(target.now);
  };
  assert.equal(share(1000), 1);
  assert.equal(share(100), 1);
  assert.equal(share(50), 0.5);
  assert.equal(share(10), 0.1);
  assert.ok(share(0) > 0);
  target.now += 3000;
  assert.equal(target.health.share(target.now), 0.5);
  target.now += 57_000;
  assert.equal(target.health.share(target.now), 1);
});

test("readings that make no sense are ignored", () => {
  const target = new Target();
  for (const [limit, remaining, resetMs] of [
    [0, 0, 1000],
    [-5, 0, 1000],
    [10, -1, 1000],
    [10, 0, -1],
    [Number.NaN, 0, 1000],
    [10, 0, Number.POSITIVE_INFINITY],
  ] as const) {
    target.health.learn([{ kind: "requests", limit, remaining, resetMs }], target.now);
    assert.equal(target.state, "usable", `${limit} ${remaining} ${resetMs}`);
  }
});
