/** Drain and reload under load lose nothing; closing leaves nothing behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { chat, SILENCE } from "../support/fake-answers.ts";
import { simulatedConfig } from "../support/simulated-config.ts";
import { ask, assertAnswered, assertClean, healthy, type Server, world } from "../support/simulated-world.ts";

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

test("closing ends everything: an error where there is no answer yet, a cut where there is part of one, no timer left", () => {
  const words = Array.from({ length: 50 }, (_, index) => `word${index}`).join(" ");
  const slow: Server = (stream, now) =>
    now < 1000 ? chat(stream, { text: words }, { firstMs: 100, everyMs: 1000 }) : SILENCE;
  const sim = world({ a: slow, b: slow });
  const begun = ask(sim, true);
  sim.time.advance(2000);
  const waiting = [true, false].map((stream) => ask(sim, stream));
  sim.time.advance(500);
  const closing = sim.time.pending;
  assert.ok(closing > sim.idleTimers);
  sim.gateway.close();
  assert.equal(begun.exchange.how, "destroyed");
  for (const { exchange } of waiting) {
    assert.equal(exchange.status, 503);
    assert.equal(JSON.parse(exchange.text).error.code, "shutting_down");
  }
  assert.equal(sim.gateway.active, 0);
  assert.equal(sim.network.open, 0);
  assert.equal(sim.gateway.status().memory.bodies.used, 0);
  assert.ok(sim.time.pending <= sim.idleTimers, `${sim.time.pending} timers`);
});

test("closing ends a stream that was committed without an answer", () => {
  const sim = world({ a: () => SILENCE });
  const asked = ask(sim, true);
  sim.time.advance(40_000);
  assert.equal(asked.exchange.status, 200);
  sim.gateway.close();
  assert.equal(asked.exchange.how, "destroyed");
  assert.equal(sim.gateway.active, 0);
  assert.ok(sim.time.pending <= sim.idleTimers, `${sim.time.pending} timers`);
});
