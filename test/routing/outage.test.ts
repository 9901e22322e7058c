// Health, routing and classification together, in simulated time: the rooms fit, and an outage looks as it should.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FailureSignal } from "../../src/health/attempt.ts";
import { DEFAULT_HEALTH_OPTIONS } from "../../src/health/options.ts";
import { TargetHealth } from "../../src/health/target-health.ts";
import { nothingUsable } from "../../src/routing/nothing-usable.ts";
import { orderTargets } from "../../src/routing/order.ts";
import { maxAttempts, secondSend } from "../../src/routing/second-send.ts";
import { Stickiness } from "../../src/routing/stickiness.ts";
import { createStrategy } from "../../src/routing/strategies.ts";
import type { RouteTarget, StrategyName } from "../../src/routing/strategy.ts";
import type { TargetState } from "../../src/routing/target-state.ts";
import { classifyFailure, type Verdict, verdictOf } from "../../src/upstream/classify.ts";
import { seededRandom, seedOf } from "../support/seed.ts";

/** What a target does at a moment: an answer after so many milliseconds, a refusal, or nothing at all. */
type Behaviour = (now: number) => { ms: number; verdict: Verdict | null };

const answers =
  (ms: number): Behaviour =>
  () => ({ ms, verdict: null });
const refused: Behaviour = () => ({
  ms: 5,
  verdict: classifyFailure(
    { cause: "refused", message: "" },
    { phase: "head", stream: false, clockUntrusted: false },
  ),
});
const silent: Behaviour = () => ({ ms: 30_000, verdict: verdictOf("timeout") });
const during = (from: number, to: number, bad: Behaviour, good: Behaviour): Behaviour => {
  return (now) => (now >= from && now < to ? bad : good)(now);
};

class Alias {
  now = 0;
  readonly health: TargetHealth[];
  readonly targets: RouteTarget[];
  readonly sends: number[];
  private readonly strategy;
  private readonly stickiness = new Stickiness();

  constructor(
    strategy: StrategyName,
    readonly behaviours: Behaviour[],
    random = seededRandom(1),
  ) {
    this.strategy = createStrategy(strategy, 3);
    this.health = behaviours.map(() => new TargetHealth(DEFAULT_HEALTH_OPTIONS, { next: random }));
    this.targets = this.health.map((view, i) => ({ id: `p/t${i}`, view, price: null, weight: 1 }));
    this.sends = behaviours.map(() => 0);
  }

  /** One request, its attempts one after the other. The index of the target that answered, or -1. */
  ask(): number {
    const context = { now: this.now, mode: "whole", promptTokens: 100, outputTokens: 100 } as const;
    const need = { promptTokens: 100, tools: false, images: false, jsonSchema: false };
    const route = orderTargets(this.targets, this.states(), [], this.strategy, this.stickiness, {
      ...context,
      need,
      issuer: -1,
      affinity: "",
      errorThreshold: 0.5,
      session: null,
      continues: false,
    });
    const given = new Set<number>();
    const limit = maxAttempts("auto", this.targets.length);
    let attempts = 0;
    for (const [at, index] of route.order.entries()) {
      const probe = at === 0 && route.probe;
      for (let sends = 1; ; sends++) {
        attempts++;
        const [verdict, before] = this.send(index, probe ? "probe" : "plain");
        if (verdict === null) return index;
        if (verdict.next === "no") return -1;
        const again = secondSend({
          sameTarget: verdict.sameTarget,
          counts: verdict.counts,
          successBefore: before,
          sendsToTarget: sends,
          perTarget: 2,
          corrected: false,
          attempts,
          maxAttempts: limit,
          unasked: route.order.length - at - 1,
          anyway: probe,
        });
        if (again === "no") break;
      }
      given.add(index);
    }
    const all = this.targets.map((_, index) => index);
    for (;;) {
      const last = nothingUsable(this.states(), all, given, new Set(), this.now, 3000);
      if (last.action !== "ask") return -1;
      const [verdict] = this.send(last.index, last.as === "probe" ? "probe" : "plain");
      if (verdict === null) return last.index;
      given.add(last.index);
    }
  }

  private states(): TargetState[] {
    return this.health.map((health) => health.admission(this.now, "chat"));
  }

  private send(index: number, as: "plain" | "probe"): [Verdict | null, number] {
    const health = this.health[index];
    const attempt = health?.start(this.now, 0, "whole", "chat", as) ?? null;
    assert.ok(attempt !== null);
    this.sends[index] = (this.sends[index] ?? 0) + 1;
    const { ms, verdict } = this.behaviours[index]?.(this.now) ?? { ms: 0, verdict: null };
    this.now += ms;
    const signal: FailureSignal | "success" = verdict ?? "success";
    attempt.settle(this.now, signal);
    return [verdict, attempt.successBefore];
  }
}

test("a refused target is sent three requests, then one probe per cooldown", () => {
  const alias = new Alias("failover", [refused, answers(100)]);
  for (let i = 0; i < 600; i++) {
    assert.equal(alias.ask(), 1);
    alias.now += 100;
  }
  // Two requests open it (the first failure is repeated, the average then forbids it); 120 s hold eight probes.
  const dead = alias.sends[0] ?? 0;
  assert.ok(dead >= 3 + 6 && dead <= 3 + 9, `${dead} sends`);
});

test("recovery is noticed within one cooldown", () => {
  const alias = new Alias("failover", [during(0, 60_000, refused, answers(50)), answers(100)]);
  let back = -1;
  while (alias.now < 120_000) {
    const answered = alias.ask();
    assert.notEqual(answered, -1);
    if (answered === 0 && back < 0) back = alias.now;
    alias.now += 200;
  }
  assert.ok(back >= 60_000 && back <= 60_000 + 16_500 + 400, `back after ${back} ms`);
  assert.equal(alias.ask(), 0, "and it is the first choice again");
});

test("a silent target is asked ever less, because asking is dear", () => {
  const alias = new Alias("failover", [silent, answers(100)]);
  while (alias.now < 3_600_000) {
    assert.equal(alias.ask(), 1);
    alias.now += 1000;
  }
  const asked = alias.sends[0] ?? 0;
  assert.ok(asked >= 12 && asked <= 22, `${asked} sends in an hour`);
});

test("with everything refused each request still tries, and the first one after the end is answered", () => {
  const back = 300_000;
  const alias = new Alias("latency", [
    during(0, back, refused, answers(50)),
    during(0, back, refused, answers(50)),
  ]);
  while (alias.now < back) {
    assert.equal(alias.ask(), -1);
    alias.now += 3000;
  }
  assert.notEqual(alias.ask(), -1);
});

test("with one target that works no request is ever lost, whatever the others do", () => {
  const first = seedOf(100);
  for (let seed = first; seed < first + (process.env.SEED === undefined ? 30 : 1); seed++) {
    const random = seededRandom(seed);
    const flaky = (): Behaviour => () => {
      const kind = random();
      if (kind < 0.4) return { ms: random() * 500, verdict: null };
      const causes = [
        "server_error",
        "timeout",
        "rate_limit",
        "credential",
        "model_unknown",
        "bad_answer",
      ] as const;
      const cause = causes[Math.floor(random() * causes.length)] ?? "timeout";
      return { ms: cause === "timeout" ? 12_000 : random() * 300, verdict: verdictOf(cause) };
    };
    for (const strategy of ["latency", "failover", "price", "weighted"] as const) {
      const alias = new Alias(strategy, [flaky(), flaky(), answers(200), flaky()], random);
      for (let i = 0; i < 200; i++) {
        assert.notEqual(alias.ask(), -1, `${strategy}, request ${i}, SEED=${seed}`);
        alias.now += random() * 5000;
      }
      assert.equal(alias.health[2]?.totals.failures, 0);
    }
  }
});

test("two real targets of 100 and 200 ms share 1000 requests 889 to 111 once both are known", () => {
  const alias = new Alias("latency", [answers(100), answers(200)]);
  while ((alias.health[1]?.totals.attempts ?? 0) === 0 || (alias.health[0]?.totals.attempts ?? 0) === 0)
    alias.ask();
  const before = [...alias.sends];
  for (let i = 0; i < 1000; i++) alias.ask();
  const [fast, slow] = alias.sends.map((sent, i) => sent - (before[i] ?? 0));
  assert.ok(Math.abs((fast ?? 0) - 889) <= 2 && Math.abs((slow ?? 0) - 111) <= 2, `${fast} to ${slow}`);
});
