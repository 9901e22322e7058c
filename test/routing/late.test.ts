import assert from "node:assert/strict";
import { test } from "node:test";
import { HedgeBudget, hedgeDelay, mayHedgeTo } from "../../src/routing/hedge.ts";
import { decideLate, probeDeadline, softDeadline } from "../../src/routing/late.ts";

test("the soft deadline is the larger of first_token and three medians, at most first_token_max", () => {
  assert.equal(softDeadline(12_000, 180_000, null), 12_000);
  assert.equal(softDeadline(12_000, 180_000, 2000), 12_000);
  assert.equal(softDeadline(12_000, 180_000, 20_000), 60_000);
  assert.equal(softDeadline(12_000, 180_000, 100_000), 180_000);
});

test("a probe is late after a second, a whole one after the next target's average and a second, or five", () => {
  assert.equal(probeDeadline("stream", 4000), 1000);
  assert.equal(probeDeadline("whole", 4000), 5000);
  assert.equal(probeDeadline("whole", 300), 1300);
  assert.equal(probeDeadline("whole", -1), 5000);
});

test("a race needs budget and another target, a probe's race needs no budget, the last one is never left", () => {
  const late = { hasNext: true, probe: false, hasBudget: true, running: 1 };
  assert.equal(decideLate(late), "race");
  assert.equal(decideLate({ ...late, hasBudget: false }), "leave");
  assert.equal(decideLate({ ...late, hasBudget: false, probe: true }), "race");
  assert.equal(decideLate({ ...late, running: 2 }), "leave_oldest");
  assert.equal(decideLate({ ...late, running: 2, hasBudget: false }), "leave_oldest");
  for (const running of [1, 2]) {
    for (const hasBudget of [true, false]) {
      assert.equal(decideLate({ ...late, hasNext: false, running, hasBudget }), "wait");
    }
  }
});

test("hedge after a duration, or after the target's own percentile once it is known", () => {
  const options = { maxExtra: 0.05, anyPrice: false };
  assert.equal(hedgeDelay({ ...options, after: 800 }, null), 800);
  assert.equal(hedgeDelay({ ...options, after: "p95" }, null), null);
  assert.equal(hedgeDelay({ ...options, after: "p95" }, 1234), 1234);
});

test("hedges stay below their share of a sliding minute", () => {
  const hedges = new HedgeBudget();
  let made = 0;
  for (let i = 0; i < 400; i++) {
    hedges.countRequest(i * 100);
    if (i % 3 === 0 && hedges.take(i * 100, 0.05)) made++;
  }
  assert.equal(made, 20);
});

test("with little traffic one hedge a minute is allowed, with max_extra 0 none", () => {
  const hedges = new HedgeBudget();
  hedges.countRequest(0);
  assert.equal(hedges.take(0, 0.05), true);
  hedges.countRequest(1000);
  assert.equal(hedges.take(1000, 0.05), false);
  hedges.countRequest(70_000);
  assert.equal(hedges.take(70_000, 0.05), true);
  assert.equal(new HedgeBudget().take(0, 0), false);
});

test("hedging is off while more than half of the requests would hedge, and comes back by itself", () => {
  const hedges = new HedgeBudget();
  let made = 0;
  for (let i = 0; i < 100; i++) {
    hedges.countRequest(i * 10);
    if (hedges.take(i * 10, 1)) made++;
  }
  assert.equal(hedges.isOff(1000), true);
  assert.ok(made < 12, `${made} made before it noticed`);
  for (let i = 0; i < 100; i++) hedges.countRequest(90_000);
  assert.equal(hedges.isOff(90_000), false);
  assert.equal(hedges.take(90_000, 1), true);
});

test("never to a dearer target, unless any price will do", () => {
  const tokens = { promptTokens: 1000, outputTokens: 100 };
  const cheap = { input: 1, output: 2 };
  const dear = { input: 3, output: 9 };
  assert.equal(mayHedgeTo(cheap, dear, tokens, false), false);
  assert.equal(mayHedgeTo(dear, cheap, tokens, false), true);
  assert.equal(mayHedgeTo(cheap, cheap, tokens, false), true);
  assert.equal(mayHedgeTo(cheap, dear, tokens, true), true);
  assert.equal(mayHedgeTo(null, null, tokens, false), true);
  assert.equal(mayHedgeTo(cheap, null, tokens, false), false);
  assert.equal(mayHedgeTo(null, cheap, tokens, false), false);
});
