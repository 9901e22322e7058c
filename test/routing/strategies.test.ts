import assert from "node:assert/strict";
import { test } from "node:test";
import { expectedCost, OutputMean } from "../../src/routing/price.ts";
import { createStrategy } from "../../src/routing/strategies.ts";
import type { StrategyName } from "../../src/routing/strategy.ts";
import { seededRandom, seedOf } from "../support/seed.ts";
import { CONTEXT, target } from "./targets.ts";

const NAMES: readonly StrategyName[] = ["latency", "failover", "price", "weighted"];

test("every strategy orders exactly the candidates it is given, and changes neither list", () => {
  const seed = seedOf(3);
  const random = seededRandom(seed);
  for (const name of NAMES) {
    const strategy = createStrategy(name, 3);
    assert.equal(strategy.name, name);
    for (let round = 0; round < 300; round++) {
      const targets = Array.from({ length: 1 + Math.floor(random() * 6) }, (_, i) =>
        target(`t${i}`, {
          whole: random() < 0.3 ? -1 : random() * 1000,
          success: random(),
          share: 0.01 + random() * 0.99,
          weight: 0.1 + random() * 5,
          price: random() < 0.3 ? null : { input: random() * 10, output: random() * 30 },
        }),
      );
      const candidates = targets.map((_, i) => i).filter(() => random() < 0.7);
      if (candidates.length === 0) candidates.push(0);
      const given = Object.freeze([...candidates]);
      const order = strategy.order(targets, given, CONTEXT, random() < 0.5);
      assert.deepEqual([...order].sort(), [...candidates].sort(), `${name}, SEED=${seed}`);
    }
  }
});

test("failover keeps the configured order", () => {
  const targets = [target("a", { whole: 900 }), target("b", { whole: 1 }), target("c")];
  assert.deepEqual(createStrategy("failover", 3).order(targets, [2, 0, 1], CONTEXT, true), [0, 1, 2]);
});

test("price puts the cheapest expected cost first, unknown prices last, ties by latency", () => {
  const price = createStrategy("price", 3);
  const targets = [
    target("unknown", { whole: 1 }),
    target("cheap-input", { price: { input: 1, output: 20 } }),
    target("cheap-output", { price: { input: 8, output: 2 } }),
    target("slow-twin", { price: { input: 8, output: 2 }, whole: 900 }),
    target("fast-twin", { price: { input: 8, output: 2 }, whole: 100 }),
  ];
  const all = [0, 1, 2, 3, 4];
  // 1000 in, 500 out: 1 + 10 = 11 against 8 + 1 = 9 thousandths.
  assert.deepEqual(price.order(targets, all, CONTEXT, true), [4, 3, 2, 1, 0]);
  assert.deepEqual(price.order(targets, all, { ...CONTEXT, outputTokens: 10 }, true)[0], 1);
});

test("the expected cost is that of the tokens, and infinite when the price is unknown", () => {
  assert.equal(
    expectedCost({ input: 0.15, output: 0.6 }, { promptTokens: 1000, outputTokens: 500 }),
    0.00045,
  );
  assert.equal(expectedCost(null, CONTEXT), Number.POSITIVE_INFINITY);
});

test("an alias learns how long its answers are", () => {
  const mean = new OutputMean();
  assert.equal(mean.tokens, 256);
  mean.add(100);
  mean.add(300);
  assert.equal(mean.tokens, 200);
  for (let i = 0; i < 2000; i++) mean.add(1000);
  assert.ok(Math.abs(mean.tokens - 1000) < 1);
});

test("weighted gives exact shares, smoothly", () => {
  const strategy = createStrategy("weighted", 3);
  const targets = [target("a", { weight: 5 }), target("b", { weight: 1 }), target("c", { weight: 1 })];
  const seen: number[] = [];
  for (let i = 0; i < 7; i++) seen.push(strategy.order(targets, [0, 1, 2], CONTEXT, true)[0] ?? -1);
  // nginx's own example: a a b a c a a
  assert.deepEqual(seen, [0, 0, 1, 0, 2, 0, 0]);
});

test("weighted keeps its shares while a target is out, and an order only looked at changes nothing", () => {
  const strategy = createStrategy("weighted", 3);
  const targets = [target("a", { weight: 3 }), target("b", { weight: 1 })];
  for (let i = 0; i < 50; i++) assert.equal(strategy.order(targets, [1], CONTEXT, true)[0], 1);
  for (let i = 0; i < 50; i++) strategy.order(targets, [0, 1], CONTEXT, false);
  const counts = [0, 0];
  for (let i = 0; i < 400; i++) {
    const first = strategy.order(targets, [0, 1], CONTEXT, true)[0] ?? 0;
    counts[first] = (counts[first] ?? 0) + 1;
  }
  assert.deepEqual(counts, [300, 100]);
});
