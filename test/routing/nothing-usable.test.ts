import assert from "node:assert/strict";
import { test } from "node:test";
import { type LastResort, nothingUsable } from "../../src/routing/nothing-usable.ts";
import type { TargetState } from "../../src/routing/target-state.ts";
import { seededRandom, seedOf } from "../support/seed.ts";
import { out, USABLE } from "./targets.ts";

const NOW = 1000;
const quick = (until = 10_000) => out("open", until, { quick: true });
const slow = (until = 10_000) => out("open", until);
const slowProbing = () => out("probing", 1000, { probing: true });
const cooling = (ms: number) => out("cooling", NOW + ms);

function decide(states: TargetState[], given: number[] = [], limited: number[] = []): LastResort {
  const order = states.map((_, index) => index);
  return nothingUsable(states, order, new Set(given), new Set(limited), NOW, 3000);
}

test("a target opened by quick failures is asked anyway, once", () => {
  assert.deepEqual(decide([slow(), quick()]), { action: "ask", index: 1, as: "anyway" });
  assert.deepEqual(decide([slow(), quick()], [1]), { action: "ask", index: 0, as: "probe" });
});

test("it is asked also while its own probe runs", () => {
  const probing = out("probing", 1000, { quick: true, probing: true });
  assert.deepEqual(decide([probing]), { action: "ask", index: 0, as: "anyway" });
});

test("one opened by timeouts is asked as the probe whatever is left of its wait, or its probe is waited for", () => {
  assert.deepEqual(decide([slow(1e9)]), { action: "ask", index: 0, as: "probe" });
  assert.deepEqual(decide([slowProbing()]), {
    action: "wait",
    index: 0,
    for: "probe",
    until: Number.POSITIVE_INFINITY,
  });
  assert.deepEqual(decide([slowProbing(), slow()]), { action: "ask", index: 1, as: "probe" });
});

test("a suspect target is asked and waited for", () => {
  assert.deepEqual(decide([out("suspect")]), { action: "ask", index: 0, as: "anyway" });
});

test("a cooling target is waited for up to retry_after_max, the one that is ready first", () => {
  assert.deepEqual(decide([cooling(2500), cooling(900)]), {
    action: "wait",
    index: 1,
    for: "cooldown",
    until: NOW + 900,
  });
  assert.equal(decide([cooling(3000)]).action, "wait");
  assert.equal(decide([cooling(3001)]).action, "refuse");
});

test("when rate limits are the reason the refusal says so, with the time of the first that comes back", () => {
  assert.deepEqual(decide([cooling(60_000), cooling(20_000)]), {
    action: "refuse",
    rateLimited: true,
    until: NOW + 20_000,
  });
  assert.deepEqual(decide([cooling(60_000), USABLE], [1], [1]), {
    action: "refuse",
    rateLimited: true,
    until: NOW + 60_000,
  });
  const mixed = decide([cooling(60_000), out("benched", NOW + 5000)]);
  assert.deepEqual(mixed, { action: "refuse", rateLimited: false, until: NOW + 5000 });
});

test("a benched target is asked anyway only when all are benched", () => {
  assert.equal(decide([out("benched"), cooling(60_000)]).action, "refuse");
  assert.deepEqual(decide([out("benched"), out("benched")]), { action: "ask", index: 0, as: "anyway" });
  assert.deepEqual(decide([out("benched"), out("benched")], [0]), { action: "ask", index: 1, as: "anyway" });
  assert.equal(decide([out("benched"), out("benched")], [0, 1]).action, "refuse");
  assert.deepEqual(decide([out("offline"), out("benched")]), { action: "ask", index: 1, as: "anyway" });
});

test("behind a dead uplink nobody is asked", () => {
  assert.equal(decide([out("wan"), out("wan", 5000)]).action, "refuse");
  assert.deepEqual(decide([out("wan"), quick()]), { action: "ask", index: 1, as: "anyway" });
});

test("an offline target is never asked", () => {
  const until = Number.POSITIVE_INFINITY;
  assert.deepEqual(decide([out("offline", until)]), { action: "refuse", rateLimited: false, until });
});

test("a target that became usable meanwhile is simply asked, and so is one that only lacks quota", () => {
  assert.deepEqual(decide([quick(), USABLE]), { action: "ask", index: 1, as: "plain" });
  assert.deepEqual(decide([quick(), out("quota")]), { action: "ask", index: 1, as: "plain" });
  assert.deepEqual(decide([quick(), { state: "probe" }]), { action: "ask", index: 1, as: "probe" });
});

test("whatever the states, the loop ends: every target is asked at most once and nothing offline at all", () => {
  const seed = seedOf(11);
  const random = seededRandom(seed);
  const kinds: (() => TargetState)[] = [
    () => quick(),
    () => slow(),
    () => slowProbing(),
    () => out("suspect"),
    () => cooling(random() * 6000),
    () => out("benched"),
    () => out("clock"),
    () => out("offline", Number.POSITIVE_INFINITY),
    () => out("quota"),
    () => USABLE,
  ];
  for (let round = 0; round < 2000; round++) {
    const states = Array.from({ length: 1 + Math.floor(random() * 5) }, () => {
      const kind = kinds[Math.floor(random() * kinds.length)];
      return kind === undefined ? USABLE : kind();
    });
    const given: number[] = [];
    for (let step = 0; ; step++) {
      assert.ok(step <= states.length, `no end, SEED=${seed}`);
      const decision = decide(states, given);
      if (decision.action === "refuse") break;
      assert.ok(!given.includes(decision.index), `asked twice, SEED=${seed}`);
      const state = states[decision.index];
      assert.ok(
        state !== undefined && !(state.state === "out" && state.reason === "offline"),
        `SEED=${seed}`,
      );
      given.push(decision.index);
    }
  }
});
