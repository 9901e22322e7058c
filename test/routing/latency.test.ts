import assert from "node:assert/strict";
import { test } from "node:test";
import { SuccessAverage } from "../../src/health/averages.ts";
import { createLatency } from "../../src/routing/latency.ts";
import type { RouteTarget } from "../../src/routing/strategy.ts";
import { WeylSequence } from "../../src/routing/weyl-sequence.ts";
import { CONTEXT, target } from "./targets.ts";

function picks(
  targets: RouteTarget[],
  exploitK = 3,
  mode: "stream" | "whole" = "whole",
  count = 1000,
): number[] {
  const strategy = createLatency(exploitK);
  const counts = targets.map(() => 0);
  const all = targets.map((_, index) => index);
  for (let i = 0; i < count; i++) {
    const first = strategy.order(targets, all, { ...CONTEXT, mode }, true)[0] ?? 0;
    counts[first] = (counts[first] ?? 0) + 1;
  }
  return counts;
}

function within(actual: number | undefined, low: number, high: number): void {
  assert.ok(actual !== undefined && actual >= low && actual <= high, `${actual} not in ${low}..${high}`);
}

test("100 ms beside 200 ms: 889 of 1000 picks go to the faster one", () => {
  const [fast, slow] = picks([target("a", { whole: 100 }), target("b", { whole: 200 })]);
  within(fast, 887, 891);
  within(slow, 109, 113);
});

test("a cold target beside a warm one is tried 200 times in 1000", () => {
  const [, cold] = picks([target("a", { whole: 100 }), target("b")]);
  within(cold, 198, 202);
});

test("one error on an equal target: 255 to 745", () => {
  const success = new SuccessAverage();
  success.sample(false, 0.3);
  const [failed, sound] = picks([
    target("a", { whole: 100, success: success.value }),
    target("b", { whole: 100 }),
  ]);
  within(failed, 253, 257);
  within(sound, 743, 747);
});

test("a target that always fails still gets one percent", () => {
  const success = new SuccessAverage();
  for (let i = 0; i < 100; i++) success.sample(false, 0.3);
  const [failing] = picks([target("a", { whole: 100, success: success.value }), target("b", { whole: 100 })]);
  within(failing, 9, 11);
});

test("with k = 0 all warm targets are equal", () => {
  const [a, b] = picks([target("a", { whole: 100 }), target("b", { whole: 5000 })], 0);
  within(a, 499, 501);
  within(b, 499, 501);
});

test("all cold: equal shares, less for one that failed", () => {
  const equal = picks([target("a"), target("b")]);
  within(equal[0], 499, 501);
  const [failed] = picks([target("a", { success: 0.7 }), target("b")]);
  within(failed, 253, 257);
});

test("the average of the request's own mode decides", () => {
  const targets = [target("a", { whole: 100, stream: 400 }), target("b", { whole: 400, stream: 100 })];
  within(picks(targets, 3, "whole")[0], 980, 990);
  within(picks(targets, 3, "stream")[0], 10, 20);
});

test("a quota near its end shrinks the share in proportion", () => {
  const [short] = picks([target("a", { whole: 100, share: 0.5 }), target("b", { whole: 100 })]);
  within(short, 332, 335);
});

test("below a millisecond everyone is equally fast", () => {
  const [a] = picks([target("a", { whole: 0 }), target("b", { whole: 1 })]);
  within(a, 499, 501);
});

test("picks are spread evenly, not in bursts", () => {
  const strategy = createLatency(3);
  const targets = [target("a", { whole: 100 }), target("b", { whole: 100 })];
  let longest = 0;
  let run = 0;
  let last = -1;
  for (let i = 0; i < 1000; i++) {
    const first = strategy.order(targets, [0, 1], CONTEXT, true)[0] ?? 0;
    run = first === last ? run + 1 : 1;
    longest = Math.max(longest, run);
    last = first;
  }
  assert.ok(longest <= 3, `${longest} in a row`);
});

test("the rest follows by weight, and an order that is only looked at moves no counter", () => {
  const targets = [target("a", { whole: 400 }), target("b", { whole: 100 }), target("c", { whole: 200 })];
  const one = createLatency(3);
  const other = createLatency(3);
  for (let i = 0; i < 200; i++) {
    assert.deepEqual(other.order(targets, [0, 1, 2], CONTEXT, false), [1, 2, 0]);
    const order = one.order(targets, [0, 1, 2], CONTEXT, true);
    assert.deepEqual(order, other.order(targets, [0, 1, 2], CONTEXT, true));
    const rest = order.slice(1);
    assert.deepEqual(
      rest,
      [1, 2, 0].filter((index) => index !== order[0]),
    );
  }
});

test("no target, one target and equal targets give what they must", () => {
  const strategy = createLatency(3);
  assert.deepEqual(strategy.order([target("a")], [0], CONTEXT, true), [0]);
  const targets = [target("a"), target("b"), target("c")];
  assert.deepEqual(strategy.order(targets, [2, 0], CONTEXT, false), [0, 2]);
});

/** The rule as it is written down, for any number of candidates. */
function plainOrder(
  targets: RouteTarget[],
  candidates: number[],
  exploitK: number,
  sequence: WeylSequence | null,
): number[] {
  const effective = (index: number) => {
    const view = targets[index]?.view;
    const latency = view?.latency("whole") ?? -1;
    return latency < 0
      ? Number.POSITIVE_INFINITY
      : Math.max(latency, 1) / Math.max(view?.successRate ?? 1, 0.001);
  };
  const best = Math.min(...candidates.map(effective));
  const weights = targets.map(({ view }, index) => {
    const cold = (Number.isFinite(best) ? 0.25 : 1) * view.successRate ** exploitK;
    const weight = Number.isFinite(effective(index)) ? (best / effective(index)) ** exploitK : cold;
    return Math.max(10, Math.round(1000 * weight * view.share(CONTEXT.now)));
  });
  const sorted = [...candidates].sort((a, b) => a - b);
  const first = sequence === null ? -1 : sequence.pick(sorted, weights);
  const weight = (index: number) => (index === first ? Number.POSITIVE_INFINITY : (weights[index] ?? 0));
  return sorted.sort((a, b) => (weight(a) === weight(b) ? a - b : weight(b) - weight(a)));
}

test("two candidates and more are ordered by the same rule", () => {
  let seed = 7;
  const chance = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (const exploitK of [0, 1, 2.5, 3]) {
    const strategy = createLatency(exploitK);
    const sequence = new WeylSequence();
    for (let round = 0; round < 1500; round++) {
      const targets = ["a", "b", "c"].map((id) =>
        target(id, {
          ...(chance(4) === 0 ? {} : { whole: [0, 100, 100, 150, 1000, 20_000][chance(6)] ?? 0 }),
          success: [1, 1, 0.7, 0.49, 0][chance(5)] ?? 1,
          share: [1, 1, 0.5, 0.001][chance(4)] ?? 1,
        }),
      );
      const candidates = [[0, 1], [1, 0], [2, 0], [1, 2], [0, 1, 2], [2, 1, 0], [1]][chance(7)] ?? [];
      const pick = chance(3) > 0;
      assert.deepEqual(
        strategy.order(targets, candidates, CONTEXT, pick),
        plainOrder(targets, candidates, exploitK, pick ? sequence : null),
      );
    }
  }
});
