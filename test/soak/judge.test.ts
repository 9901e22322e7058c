/** The soak's verdict on figures that are known, since the soak itself should never see a bad one. */
import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import type { Target } from "../bench/targets.ts";
import { judgeAnswers, judgeFailures, judgeLeftovers, judgeMemory, judgeRest } from "./judge.ts";
import { kindAt, MIX } from "./mix.ts";

const bounds = { typical: 48, most: 60, growth: 3, rest: 30 };
const sample = (anonymous: number) => ({ rss: anonymous + 50, anonymous, shared: 0 });
const missed = (targets: readonly Target[]) => targets.filter(({ met }) => !met).map(({ row }) => row);

/** Every kind once, as it should end. */
const good = Object.fromEntries(MIX.map(({ name, expected }) => [name, { [expected[0] ?? ""]: 1 }]));

test("memory that rises at first and then stays is flat; one high sample is not growth", () => {
  const samples = Array.from({ length: 100 }, (_, i) => sample(i < 50 ? 20 + i / 5 : 30));
  samples[90] = sample(50);
  deepEqual(missed(judgeMemory(samples, bounds)), []);
});

test("memory that rises by 15 MiB an hour is not flat within that hour", () => {
  const samples = Array.from({ length: 1800 }, (_, i) => sample(30 + (15 * i) / 1800));
  deepEqual(missed(judgeMemory(samples, bounds)), ["the same, growth from third to fourth quarter"]);
});

test("one sample above the bound is told, and a last quarter above its own", () => {
  deepEqual(missed(judgeMemory([30, 61, 30, 30].map(sample), bounds)), ["the same, most"]);
  const late = [50, 50, 50, 50].map(sample);
  deepEqual(missed(judgeMemory(late, bounds)), ["anonymous memory, median of the last quarter"]);
});

test("memory that is not given back at rest is told", () => {
  deepEqual(missed([judgeRest(sample(29), bounds)]), []);
  deepEqual(missed([judgeRest(sample(31), bounds)]), ["the same, at rest"]);
});

test("every kind answered as expected is fine; one answer of another kind, or a kind that never came, is told", () => {
  deepEqual(missed(judgeAnswers(good, MIX)), []);
  const hung = { ...good, "chat whole": { "200 whole": 900, hung: 1 } };
  deepEqual(missed(judgeAnswers(hung, MIX)), ["answers that were not expected"]);
  const { embeddings: _, ...rest } = good;
  deepEqual(missed(judgeAnswers(rest, MIX)), ["requests of the rarest kind"]);
});

test("a flaky provider that was hardly asked, or hardly failed, is told", () => {
  deepEqual(missed([judgeFailures({ requests: 1000, failures: 100 })]), []);
  deepEqual(missed([judgeFailures({ requests: 1000, failures: 10 })]), ["failures of the flaky provider"]);
  deepEqual(missed([judgeFailures({ requests: 0, failures: 0 })]), ["failures of the flaky provider"]);
});

test("what is still held when the clients are gone is told", () => {
  const none = { requests: 0, upstreamConnections: 0, bodyBytes: 0, answerBytes: 0 };
  deepEqual(missed(judgeLeftovers(none)), []);
  deepEqual(missed(judgeLeftovers({ ...none, bodyBytes: 512 })), ["bytes of bodies left held"]);
});

test("every kind has its share of the chances", () => {
  const count = 200_000;
  const drawn = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const { name } = kindAt((i + 0.5) / count);
    drawn.set(name, (drawn.get(name) ?? 0) + 1);
  }
  const total = MIX.reduce((sum, { weight }) => sum + weight, 0);
  for (const { name, weight } of MIX)
    deepEqual(Math.round(((drawn.get(name) ?? 0) * total) / count), weight, name);
});
