import assert from "node:assert/strict";
import { test } from "node:test";
import type { TargetAbility } from "../../src/routing/capability.ts";
import { hasLargerContext, isPermitted } from "../../src/routing/capability.ts";
import { missedTargets, orderTargets, type RouteOrder, type RouteRequest } from "../../src/routing/order.ts";
import { Stickiness } from "../../src/routing/stickiness.ts";
import { createStrategy } from "../../src/routing/strategies.ts";
import type { RouteTarget, Strategy } from "../../src/routing/strategy.ts";
import type { TargetState } from "../../src/routing/target-state.ts";
import { CONTEXT, out, PROBE, target, USABLE } from "./targets.ts";

const REQUEST: RouteRequest = {
  ...CONTEXT,
  need: { promptTokens: 1000, tools: false, images: false, jsonSchema: false },
  issuer: -1,
  affinity: "",
  errorThreshold: 0.5,
  session: null,
  continues: false,
};

const S = { caller: "laptop", hash: 1, check: 2 };

class Alias {
  readonly stickiness = new Stickiness();
  constructor(
    readonly targets: RouteTarget[],
    readonly strategy: Strategy = createStrategy("failover", 3),
    public states: TargetState[] = targets.map(() => USABLE),
    readonly abilities: TargetAbility[] = [],
  ) {}

  route(request: Partial<RouteRequest> = {}): RouteOrder {
    const { targets, states, abilities, strategy, stickiness } = this;
    return orderTargets(targets, states, abilities, strategy, stickiness, { ...REQUEST, ...request });
  }
}

const three = () => [target("p/a"), target("p/b"), target("q/c")];

test("targets that are out are left out, and the route says why and for how long", () => {
  const alias = new Alias(three(), createStrategy("failover", 3), [
    out("open", 11_500),
    USABLE,
    out("offline", Number.POSITIVE_INFINITY),
  ]);
  const route = alias.route();
  assert.deepEqual(route.order, [1]);
  assert.equal(route.reason, "failover; skipped p/a: open 12s; skipped q/c: offline");
});

test("a half-open target is asked first, ahead of the strategy", () => {
  const alias = new Alias(three(), undefined, [USABLE, USABLE, PROBE]);
  const route = alias.route();
  assert.deepEqual(route.order, [2, 0, 1]);
  assert.equal(route.probe, true);
  assert.equal(route.reason, "failover; probe q/c");
});

test("of two half-open targets one is probed by a request", () => {
  const alias = new Alias(three(), undefined, [USABLE, PROBE, PROBE]);
  assert.deepEqual(alias.route().order, [1, 0]);
});

test("a probe that is the only target is the whole order", () => {
  assert.deepEqual(new Alias([target("p/a")], undefined, [PROBE]).route().order, [0]);
});

test("targets that lack what the request needs come last, not first, and are no probe", () => {
  const abilities = [{ maxContext: 500 }, { tools: false }, {}];
  const alias = new Alias(three(), undefined, [USABLE, USABLE, USABLE], abilities);
  assert.deepEqual(alias.route().order, [1, 2, 0]);
  assert.equal(alias.route().reason, "failover; last p/a: context");
  const tools = { ...REQUEST.need, tools: true };
  assert.deepEqual(alias.route({ need: tools }).order, [2, 0, 1]);
  alias.states = [PROBE, USABLE, USABLE];
  assert.deepEqual(alias.route().order, [1, 2]);
});

test("what a model lacks is found by declared ability only", () => {
  const need = { promptTokens: 10, tools: true, images: true, jsonSchema: true };
  for (const [ability, last] of [
    [{ images: false }, "images"],
    [{ jsonSchema: false }, "json_schema"],
    [{ tools: false }, "tools"],
  ] as const) {
    const alias = new Alias(three(), undefined, undefined, [ability]);
    assert.deepEqual(alias.route({ need }).order, [1, 2, 0]);
    assert.match(alias.route({ need }).reason, new RegExp(`last p/a: ${last}`));
  }
});

test("the only usable target is never skipped for a quota, one of several is", () => {
  const alias = new Alias(three(), undefined, [out("quota"), USABLE, out("open")]);
  assert.deepEqual(alias.route().order, [1]);
  alias.states = [out("quota"), out("open"), out("cooling")];
  assert.deepEqual(alias.route().order, [0]);
  alias.states = [out("quota"), PROBE, out("cooling")];
  assert.deepEqual(alias.route().order, [1, 0]);
});

test("affinity pins to a usable target of the alias with few errors, anything else is ignored", () => {
  const alias = new Alias([target("p/a"), target("p/b", { success: 0.5 }), target("q/c", { success: 0.49 })]);
  assert.deepEqual(alias.route({ affinity: "p/b" }).order, [1, 0, 2]);
  assert.equal(alias.route({ affinity: "p/b" }).hold, "affinity");
  assert.deepEqual(alias.route({ affinity: "q/c" }).order, [0, 1, 2], "too many errors");
  for (const affinity of ["p/x", "p", "/", "p/a/b", "x".repeat(5000), "p/a, p/b"]) {
    assert.deepEqual(alias.route({ affinity }).order, [0, 1, 2], affinity);
  }
  alias.states = [USABLE, out("open"), USABLE];
  assert.deepEqual(alias.route({ affinity: "p/b" }).order, [0, 2]);
});

test("a pinned request is not taken as a probe and does not move the latency counter", () => {
  const fast = () => [target("p/a", { whole: 100 }), target("p/b", { whole: 100 }), target("q/c")];
  const alias = new Alias(fast(), createStrategy("latency", 3), [USABLE, USABLE, PROBE]);
  assert.equal(alias.route({ affinity: "p/b" }).order[0], 1);
  assert.equal(alias.route({ affinity: "p/b" }).probe, false);

  const undisturbed = new Alias(fast(), createStrategy("latency", 3));
  const disturbed = new Alias(fast(), createStrategy("latency", 3));
  for (let i = 0; i < 100; i++) {
    for (let j = 0; j < i % 3; j++) disturbed.route({ affinity: "p/a" });
    assert.equal(disturbed.route().order[0], undisturbed.route().order[0]);
  }
});

test("an id of one provider pins hard: nobody else is asked", () => {
  const alias = new Alias(three());
  assert.deepEqual(alias.route({ issuer: 2, affinity: "p/a" }).order, [2]);
  assert.equal(alias.route({ issuer: 2 }).hold, "id");
  alias.states = [USABLE, USABLE, out("open")];
  assert.deepEqual(alias.route({ issuer: 2 }).order, []);
  alias.states = [USABLE, USABLE, PROBE];
  assert.equal(alias.route({ issuer: 2 }).probe, true);
});

test("a conversation goes on where it was answered, a first turn is routed by the strategy alone", () => {
  const alias = new Alias(three());
  alias.stickiness.note(S, "q/c", [], 0);
  assert.deepEqual(alias.route({ session: S, continues: true }).order, [2, 0, 1]);
  assert.equal(alias.route({ session: S, continues: true }).hold, "sticky");
  assert.deepEqual(alias.route({ session: S, continues: false }).order, [0, 1, 2]);
  assert.deepEqual(alias.route({ session: null, continues: true }).order, [0, 1, 2]);
  alias.states = [USABLE, USABLE, out("open")];
  assert.deepEqual(alias.route({ session: S, continues: true }).order, [0, 1]);
});

test("a conversation that outgrew its target's context moves on", () => {
  const alias = new Alias(three(), undefined, undefined, [{}, {}, { maxContext: 500 }]);
  alias.stickiness.note(S, "q/c", [], 0);
  assert.deepEqual(alias.route({ session: S, continues: true }).order, [0, 1, 2]);
});

test("a sticky request is not taken as a probe", () => {
  const alias = new Alias(three(), undefined, [PROBE, USABLE, USABLE]);
  alias.stickiness.note(S, "q/c", [], 0);
  const route = alias.route({ session: S, continues: true });
  assert.equal(route.probe, false);
  assert.equal(route.order[0], 2);
});

test("failover and price: a note made for want of a better target lapses when that is usable again", () => {
  for (const name of ["failover", "price"] as const) {
    const prices = [
      target("p/a", { price: { input: 1, output: 1 } }),
      target("p/b", { price: { input: 2, output: 2 } }),
    ];
    const alias = new Alias(prices, createStrategy(name, 3), [out("open"), USABLE]);
    const missed = missedTargets(alias.targets, alias.states, alias.strategy, CONTEXT, 1, []);
    assert.deepEqual(missed, ["p/a"]);
    alias.stickiness.note(S, "p/b", missed, 0);
    const again = () => alias.route({ session: S, continues: true });
    assert.equal(again().hold, "sticky");
    alias.states = [PROBE, USABLE];
    assert.equal(again().hold, "sticky", "half-open is not usable yet");
    alias.states = [USABLE, USABLE];
    assert.deepEqual([again().order, again().hold], [[0, 1], ""]);
    alias.states = [out("open"), USABLE];
    assert.equal(again().hold, "", "the note is gone");
  }
});

test("a target given up on in this request was missed, one that affinity passed over was not", () => {
  const alias = new Alias(three());
  const missed = (gaveUp: number[]) =>
    missedTargets(alias.targets, alias.states, alias.strategy, CONTEXT, 2, gaveUp);
  assert.deepEqual(missed([0]), ["p/a"]);
  assert.deepEqual(missed([]), []);
  const latency = createStrategy("latency", 3);
  assert.deepEqual(missedTargets(alias.targets, alias.states, latency, CONTEXT, 2, [0, 1]), []);
});

test("price goes back to the cheaper target as soon as its circuit closes", () => {
  const targets = [
    target("p/dear", { price: { input: 9, output: 9 } }),
    target("p/cheap", { price: { input: 1, output: 1 } }),
  ];
  const alias = new Alias(targets, createStrategy("price", 3), [USABLE, out("open")]);
  assert.deepEqual(alias.route().order, [0]);
  alias.states = [USABLE, PROBE];
  assert.deepEqual(alias.route().order, [1, 0]);
  alias.states = [USABLE, USABLE];
  assert.deepEqual(alias.route().order, [1, 0]);
});

test("the route is fit for a header whatever a model is called", () => {
  const evil = `p/a\r\nx-evil: 1 é${"x".repeat(2000)}`;
  const { reason } = new Alias([target(evil), target("p/b")], undefined, [out("open"), USABLE]).route();
  assert.match(reason, /^[\x20-\x7e]+$/);
  assert.ok(reason.length <= 480);
});

test("private_only and the caller's allow-list remove targets", () => {
  const lan = { provider: "ollama", isPrivate: true };
  const cloud = { provider: "openai", isPrivate: false };
  assert.equal(isPermitted(cloud, { privateOnly: true, providers: [] }), false);
  assert.equal(isPermitted(lan, { privateOnly: true, providers: [] }), true);
  assert.equal(isPermitted(cloud, { privateOnly: false, providers: ["ollama"] }), false);
  assert.equal(isPermitted(cloud, { privateOnly: false, providers: ["openai"] }), true);
  assert.equal(isPermitted(cloud, { privateOnly: false, providers: [] }), true);
});

test("after a context that was too long only a larger or unknown one is asked", () => {
  assert.equal(hasLargerContext({ maxContext: 200 }, { maxContext: 100 }), true);
  assert.equal(hasLargerContext({ maxContext: 100 }, { maxContext: 100 }), false);
  assert.equal(hasLargerContext({}, { maxContext: 100 }), true);
  assert.equal(hasLargerContext({ maxContext: 100 }, {}), false);
});
