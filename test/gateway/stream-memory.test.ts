/** What streams hold back before content, and keep for repairs after it, is bounded for all of them together. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chat, HEAD_AND_SILENCE } from "../support/fake-answers.ts";
import type { Acts } from "../support/fake-network.ts";
import type { SimulatedGateway } from "../support/simulated-gateway.ts";
import { type Asked, ask, assertAnswered, assertClean, healthy, world } from "../support/simulated-world.ts";

const KIB = 1024;
const CAP = 1024 * KIB;
const LIMITS = '[limits]\nmax_streams_per_client = 1000\nmax_buffered_bytes = "2MiB"\n';

function answersUsed(sim: SimulatedGateway): number {
  const { used, cap } = sim.gateway.status().memory.answers;
  assert.equal(cap, CAP);
  assert.ok(used <= cap, `${used} of ${cap} bytes`);
  return used;
}

function advance(sim: SimulatedGateway, ms: number): number {
  let most = 0;
  for (let i = 0; i < ms; i += 50) {
    sim.time.advance(50);
    most = Math.max(most, answersUsed(sim));
  }
  return most;
}

describe("lifecycle events held before content", () => {
  /** 200 KiB that say nothing, in 50 events; the caller speaks the same protocol, or another one. */
  const chatty: Acts = [
    ...HEAD_AND_SILENCE,
    ...Array.from({ length: 50 }, (_, index) => ({
      afterMs: 10,
      data: `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", padding: "x".repeat(4 * KIB), choices: [{ index: 0, delta: index === 0 ? { role: "assistant" } : {}, finish_reason: null }] })}\n\n`,
    })),
  ];

  test("of many streams at once stay under the cap; those for which there is no room go to the next target", () => {
    const sim = world({ a: () => chatty, b: healthy(100) }, { extra: LIMITS });
    const all = Array.from({ length: 20 }, () => ask(sim, true));
    const most = advance(sim, 20_000);
    assert.ok(most > CAP / 2, `${most} bytes held`);
    for (const asked of all) assertAnswered(asked, "b");
    const early = all.filter(({ took }) => took < 5000).length;
    assert.ok(early >= 14, `${early} moved on at once`);
    assert.equal(sim.gateway.status().models[0]?.targets[0]?.failures, 0, "no fault of the target");
    assert.equal(answersUsed(sim), 0, "the observer holds nothing");
    assertClean(sim);
  });

  test("give their memory back when the caller goes", () => {
    const sim = world({ a: () => chatty, b: healthy(100) }, { extra: LIMITS });
    const asked = ask(sim, true);
    advance(sim, 2000);
    assert.ok(answersUsed(sim) > 100 * KIB);
    asked.exchange.abort();
    assert.equal(answersUsed(sim), 0);
    assertClean(sim);
  });
});

describe("text kept for repairs", () => {
  const LONG = Array.from({ length: 60 }, (_, index) => `${index}:${"y".repeat(2 * KIB)}`).join(" ");
  const dying = (stream: boolean) =>
    chat(stream, { text: LONG }, { firstMs: 100, everyMs: 50, cutAfter: 55, how: "cut" });
  const goesOn = (soFar: string) => chat(true, { text: LONG.slice(soFar.length) }, { firstMs: 100 });

  for (const path of ["/v1/chat/completions", "/v1/messages"]) {
    test(`of many streams at once stays under the cap; whose text found no room ends in-band, the others whole (${path})`, () => {
      const sim = world(
        {
          a: dying,
          b: (_stream, _now, request) => {
            const { messages } = request.json() as { messages: { role: string; content: string }[] };
            return goesOn(messages.find(({ role }) => role === "assistant")?.content ?? "");
          },
        },
        { extra: LIMITS },
      );
      const body = {
        model: "m",
        max_tokens: 100_000,
        messages: [{ role: "user", content: "hi" }],
        stream: true,
      };
      const all = Array.from({ length: 12 }, () => sim.ask(path, body));
      const most = advance(sim, 20_000);
      assert.ok(most > CAP / 2, `${most} bytes kept`);
      const whole = all.filter(({ text }) => text.includes("59:yyy"));
      const broken = all.filter(({ text }) => /"error"/.test(text));
      assert.ok(whole.length >= 3 && broken.length >= 1, `${whole.length} whole, ${broken.length} broken`);
      assert.equal(whole.length + broken.length, all.length);
      for (const { text } of whole) assert.doesNotMatch(text, /"error"/);
      assert.equal(answersUsed(sim), 0);
      assertClean(sim);
    });
  }

  test("is given back when its stream ends, and when its caller goes", () => {
    const sim = world(
      { a: (stream) => chat(stream, { text: LONG }, { firstMs: 100, everyMs: 50 }), b: healthy(100) },
      { extra: LIMITS },
    );
    const all: Asked[] = [ask(sim, true), ask(sim, true)];
    advance(sim, 2500);
    assert.ok(answersUsed(sim) > 100 * KIB);
    all[0]?.exchange.abort();
    advance(sim, 10_000);
    assert.equal(all[1]?.exchange.how, "ended");
    assert.equal(answersUsed(sim), 0);
    assertClean(sim);
  });
});
