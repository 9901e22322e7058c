/** Drain and reload under load lose nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { simulatedConfig } from "../support/simulated-config.ts";
import { ask, assertAnswered, assertClean, healthy, world } from "../support/simulated-world.ts";

test("while draining, what runs is finished and what comes is told to go elsewhere", () => {
  const sim = world({ a: healthy(3000), b: healthy(300) });
  const running = [true, false, true].map((stream) => ask(sim, stream));
  sim.time.advance(1000);
  sim.gateway.startDrain();
  const late = ask(sim, true);
  assert.equal(late.exchange.status, 503);
  assert.equal(JSON.parse(late.exchange.text).error.code, "shutting_down");
  assert.equal(late.exchange.header("connection"), "close");
  sim.time.advance(10_000);
  for (const asked of running) assertAnswered(asked, "a");
  assertClean(sim);
});

test("a reload that drops the target of running requests lets them finish, and keeps what is known of the others", () => {
  const sim = world({ a: healthy(3000), b: healthy(300) });
  const first = ask(sim, true);
  sim.time.advance(5000);
  assertAnswered(first, "a");
  const running = [true, false].map((stream) => ask(sim, stream));
  sim.time.advance(1000);
  sim.reload(simulatedConfig({ providers: ["b"] }));
  const next = ask(sim, true);
  sim.time.advance(10_000);
  for (const asked of running) assertAnswered(asked, "a");
  assertAnswered(next, "b");
  assert.equal(sim.gateway.status().models[0]?.targets[0]?.streamLatency, 300);
  assertClean(sim);
});
