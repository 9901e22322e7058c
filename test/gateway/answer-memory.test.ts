/** Whole answers are held while the budget allows, and relayed as they arrive beyond it: memory has a bound whatever upstreams send. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openaiCompletion } from "../support/openai-answers.ts";
import { ask, assertClean, type Server, world } from "../support/simulated-world.ts";

const MIB = 1024 * 1024;
const BIG = JSON.stringify(openaiCompletion({ text: "x".repeat(MIB) }));

/** Four pieces, a second apart. */
const big: Server = () => [
  { afterMs: 1, head: 200, headers: ["content-type", "application/json"] },
  ...Array.from({ length: 4 }, (_, index) => ({
    afterMs: 1000,
    data: BIG.slice((index * BIG.length) / 4, ((index + 1) * BIG.length) / 4),
  })),
  { afterMs: 0, end: true },
];

test("many large answers at once: the held ones stay under the cap, the others flow, all arrive whole", () => {
  const sim = world({ a: big }, { extra: '[limits]\nmax_buffered_bytes = "8MiB"\n' });
  const all = Array.from({ length: 12 }, () => ask(sim, false));
  let most = 0;
  for (let i = 0; i < 60; i++) {
    sim.time.advance(100);
    const { used, cap } = sim.gateway.status().memory.answers;
    assert.equal(cap, 4 * MIB);
    most = Math.max(most, used);
  }
  assert.ok(most > 3 * MIB && most <= 4 * MIB, `${most} bytes held`);
  for (const { exchange } of all) assert.equal(exchange.text, BIG);
  assert.ok(
    all.some(({ exchange }) => exchange.how === "ended"),
    "some flowed",
  );
  assert.ok(
    all.some(({ exchange }) => exchange.how === "responded"),
    "some were held",
  );
  assert.equal(sim.gateway.status().memory.answers.used, 0);
  assertClean(sim);
});

test("an answer held for a client that goes gives its memory back", () => {
  const sim = world({ a: big });
  const asked = ask(sim, false);
  sim.time.advance(2500);
  assert.ok(sim.gateway.status().memory.answers.used > MIB / 4);
  asked.exchange.abort();
  assert.equal(sim.gateway.status().memory.answers.used, 0);
  assertClean(sim);
});

test("an answer that flows because it was too large to hold, and breaks off: the caller's connection is cut, not ended", () => {
  const cutShort: Server = () => [
    { afterMs: 1, head: 200, headers: ["content-type", "application/json"] },
    ...Array.from({ length: 9 }, (_, index) => ({
      afterMs: 100,
      data: `${index === 0 ? '{"text":"' : ""}${"x".repeat(MIB)}`,
    })),
    { afterMs: 100, fail: { cause: "cut", message: "closed inside its answer", missing: -1 } },
  ];
  const sim = world({ a: cutShort, b: big }, { extra: '[limits]\nmax_buffered_bytes = "64MiB"\n' });
  const asked = ask(sim, false);
  sim.time.advance(5000);
  assert.equal(asked.exchange.how, "destroyed");
  assert.ok(asked.exchange.text.length >= 8 * MIB, "it had begun to flow");
  assert.equal(sim.gateway.status().models[0]?.targets[0]?.failures, 1);
  assert.equal(sim.gateway.status().memory.answers.used, 0);
  assertClean(sim);
});
