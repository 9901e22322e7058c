import assert from "node:assert/strict";
import { test } from "node:test";
import { askedWait, backoff } from "../../src/routing/backoff.ts";
import { RetryBudget } from "../../src/routing/retry-budget.ts";
import { maxAttempts, type SecondSend, secondSend } from "../../src/routing/second-send.ts";
import { seededRandom, seedOf } from "../support/seed.ts";

const OPTIONS = { backoffBase: 250, backoffMax: 5000 };

test("backoff has full jitter below min(base * 2^(n-1), max)", () => {
  const lowest = { next: () => 0 };
  const highest = { next: () => 0.999999 };
  const bounds = [1, 2, 3, 4, 5, 6, 7, 500].map((n) => Math.round(backoff(n, OPTIONS, highest)));
  assert.deepEqual(bounds, [250, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
  assert.equal(backoff(5, OPTIONS, lowest), 0);
});

test("a wait the provider asked for is never shortened and at most 10 % longer", () => {
  assert.equal(askedWait(2000, { next: () => 0 }), 2000);
  assert.equal(Math.round(askedWait(2000, { next: () => 0.999999 })), 2200);
});

test("max_attempts auto is targets + 1, at least 4", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 9].map((n) => maxAttempts("auto", n)),
    [4, 4, 4, 5, 10],
  );
  assert.equal(maxAttempts(2, 9), 2);
});

const BLIP: SecondSend = {
  sameTarget: "once",
  counts: true,
  successBefore: 1,
  sendsToTarget: 1,
  perTarget: 2,
  corrected: false,
  attempts: 1,
  maxAttempts: 4,
  unasked: 1,
  anyway: false,
};
const decide = (changes: Partial<SecondSend>) => secondSend({ ...BLIP, ...changes });

test("a blip of a sound target is repeated there, one that failed just before is not asked twice", () => {
  assert.equal(decide({}), "budget");
  assert.equal(decide({ successBefore: 0.9 }), "budget");
  assert.equal(decide({ successBefore: 0.7 }), "no");
  assert.equal(decide({ sendsToTarget: 2 }), "no");
  assert.equal(decide({ sameTarget: "no" }), "no");
  assert.equal(decide({ perTarget: 1 }), "no");
});

test("the wait after a 429 does not look at the average", () => {
  assert.equal(decide({ sameTarget: "after_wait", counts: false, successBefore: 0.1 }), "budget");
});

test("a second send is made only while every target not yet asked keeps an attempt", () => {
  assert.equal(decide({ attempts: 1, unasked: 2 }), "budget");
  assert.equal(decide({ attempts: 1, unasked: 3 }), "no");
  assert.equal(decide({ attempts: 3, unasked: 1 }), "no");
  assert.equal(decide({ attempts: 4, unasked: 0 }), "no");
});

test("the corrected send needs neither average nor budget nor a place in per_target, and is made once", () => {
  const corrected: Partial<SecondSend> = { sameTarget: "corrected", counts: false };
  assert.equal(decide({ ...corrected, successBefore: 0, sendsToTarget: 2 }), "free");
  assert.equal(decide({ ...corrected, corrected: true }), "no");
  assert.equal(decide({ ...corrected, attempts: 4, unasked: 0 }), "no");
});

test("a target asked for want of anything better gets no second send", () => {
  assert.equal(decide({ anyway: true }), "no");
});

test("with auto attempts every usable target can be asked, however the failures fall", () => {
  const seed = seedOf(5);
  const random = seededRandom(seed);
  for (let round = 0; round < 2000; round++) {
    const targets = 1 + Math.floor(random() * 8);
    const limit = maxAttempts("auto", targets);
    let attempts = 0;
    for (let asked = 1; asked <= targets; asked++) {
      attempts++;
      let sends = 1;
      while (
        random() < 0.8 &&
        decide({
          attempts,
          maxAttempts: limit,
          unasked: targets - asked,
          sendsToTarget: sends,
          perTarget: 3,
        }) !== "no"
      ) {
        attempts++;
        sends++;
      }
    }
    assert.ok(attempts <= limit, `${attempts} of ${limit}, SEED=${seed}`);
  }
});

test("ten extra sends are always allowed, then a fifth of the load of the last ten seconds", () => {
  const budget = new RetryBudget();
  const take = (now: number) => {
    let taken = 0;
    while (taken < 1000 && budget.take(now, 0.2)) taken++;
    return taken;
  };
  assert.equal(take(50_000), 10);
  for (let i = 0; i < 100; i++) budget.countSend(50_000);
  assert.equal(take(50_000), 10, "20 of 100 less the 10 taken");
  assert.equal(budget.has(50_000, 0.2), false);
  assert.equal(take(59_000), 0);
  assert.equal(take(61_000), 10, "the window has passed");
});

test("in no ten seconds are there more extra sends than the budget gives", () => {
  const seed = seedOf(9);
  const random = seededRandom(seed);
  const budget = new RetryBudget();
  const sends: number[] = [];
  const extras: number[] = [];
  let now = 0;
  for (let i = 0; i < 4000; i++) {
    now += random() * (random() < 0.01 ? 8000 : 40);
    budget.countSend(now);
    sends.push(now);
    for (let j = 0; j < 3 && random() < 0.5; j++) if (budget.take(now, 0.2)) extras.push(now);
    const recent = extras.filter((at) => at > now - 10_000).length;
    // The window counts up to one second more than ten.
    const load = sends.filter((at) => at > now - 11_000).length;
    assert.ok(recent <= Math.max(10, 0.2 * load), `${recent} of ${load}, SEED=${seed}`);
  }
  assert.ok(extras.length > 300, "the budget is used");
});
