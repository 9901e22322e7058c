/** An observer holds no body, no caller and no memory permit (30-routing.md): what it leaves behind is looked for on the heap. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { chat, HEAD_AND_SILENCE, SILENCE } from "../support/fake-answers.ts";
import type { Acts } from "../support/fake-network.ts";
import { providerOf, simulatedConfig } from "../support/simulated-config.ts";
import { type SimulatedGateway, simulateGateway } from "../support/simulated-gateway.ts";

const BODY_BYTES = 16 * 1024 * 1024;
const PROMPT = "p".repeat(BODY_BYTES);
const HALF_HELD: Acts = [
  ...HEAD_AND_SILENCE,
  { afterMs: 5, data: 'data: {"choices":[{"delta":{"role":"assi' },
];

function simulate(a: Acts): SimulatedGateway {
  return simulateGateway({
    toml: simulatedConfig({ providers: ["a", "b"], extra: '[limits]\nmax_buffered_bytes = "64MiB"\n' }),
    // The fake network's own notes hold the bodies.
    forget: true,
    answer: ({ host }) =>
      providerOf(host) === "a" ? a : chat(true, { text: "hello there" }, { firstMs: 100 }),
  });
}

/** One streamed request whose first target is late. */
function askOnce(sim: SimulatedGateway): void {
  const messages = [{ role: "user", content: PROMPT }];
  const exchange = sim.ask("/v1/chat/completions", { model: "m", messages, stream: true });
  sim.time.advance(1000);
  assert.ok(sim.gateway.status().memory.bodies.used >= BODY_BYTES);
  sim.time.advance(12_000);
  assert.equal(exchange.how, "ended");
  assert.match(exchange.text, /there/);
}

function buffersNow(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("run with --expose-gc");
  gc();
  return process.memoryUsage().arrayBuffers;
}

/** Buffers are freed a little after the collection. */
async function assertFreed(before: number): Promise<void> {
  for (let i = 0; i < 200 && buffersNow() > before + BODY_BYTES / 2; i++) await sleep(20);
  const kept = buffersNow() - before;
  assert.ok(kept <= BODY_BYTES / 2, `${kept} bytes of buffers are kept`);
}

for (const [name, acts] of [
  ["accepted and then silence", SILENCE],
  ["headers and then silence", HEAD_AND_SILENCE],
  ["half an event and then silence", HALF_HELD],
] as const) {
  test(`${name}: while the observer runs nothing of the request is left`, async () => {
    const sim = simulate(acts);
    const before = buffersNow();
    askOnce(sim);
    assert.equal(sim.network.open, 1, "the observer");
    const { bodies, answers } = sim.gateway.status().memory;
    assert.deepEqual([bodies.used, answers.used, sim.gateway.active], [0, 0, 0]);
    await assertFreed(before);
    sim.time.advance(180_000);
    assert.equal(sim.network.open, 0);
    assert.equal(sim.time.pending, sim.idleTimers);
  });
}

test("an observer that has seen content is over: its answer is not read on", async () => {
  const sim = simulate(chat(true, { text: "far too late" }, { firstMs: 40_000, everyMs: 1000 }));
  const before = buffersNow();
  askOnce(sim);
  sim.time.advance(40_000);
  assert.equal(sim.network.open, 0);
  assert.equal(sim.time.pending, sim.idleTimers);
  const { bodies, answers } = sim.gateway.status().memory;
  assert.deepEqual([bodies.used, answers.used], [0, 0]);
  await assertFreed(before);
});
