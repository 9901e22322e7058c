import assert from "node:assert/strict";
import { test } from "node:test";
import { quotaReadings } from "../../src/upstream/quota-lines.ts";
import {
  duration,
  LONGEST_WAIT,
  retryAfter,
  waitByQuota,
  waitInMessage,
} from "../../src/upstream/rate-limit-headers.ts";

import { seededRandom } from "../support/fake-time.ts";

const WALL = Date.UTC(2026, 0, 1, 12, 0, 0);
const CLOCK = { wall: () => WALL };

test("Retry-After is read as seconds, as a date, and in milliseconds", () => {
  assert.equal(retryAfter(["retry-after", "7"], WALL), 7000);
  assert.equal(retryAfter(["retry-after", "0.5"], WALL), 500);
  assert.equal(retryAfter(["retry-after-ms", "250", "retry-after", "1"], WALL), 250);
  assert.equal(retryAfter(["retry-after", "Thu, 01 Jan 2026 12:00:30 GMT"], WALL), 30_000);
  assert.equal(retryAfter(["retry-after", "Thu, 01 Jan 2026 11:00:00 GMT"], WALL), 0);
  assert.equal(retryAfter([], WALL), null);
});

test("a date is measured by the provider's clock when the answer tells it: a router's may stand in 1970", () => {
  const headers = ["date", "Thu, 01 Jan 2026 12:00:00 GMT", "retry-after", "Thu, 01 Jan 2026 12:00:09 GMT"];
  assert.equal(retryAfter(headers, 0), 9000);
});

test("what cannot be read is ignored, and nothing is believed beyond a day", () => {
  for (const value of ["", "soon", "-5", "NaN", "1e9", "12, 13", "tomorrow, 5"]) {
    assert.equal(retryAfter(["retry-after", value], WALL), null, value);
  }
  assert.equal(retryAfter(["retry-after", "99999999999"], WALL), LONGEST_WAIT);
});

test("OpenAI's durations", () => {
  assert.equal(duration("1s"), 1000);
  assert.equal(duration("6m0s"), 360_000);
  assert.equal(duration("20ms"), 20);
  assert.equal(duration("2m59.56s"), 179_560);
  assert.equal(duration("1h2m3s"), 3_723_000);
  assert.equal(duration("12"), 12_000);
  for (const text of ["", "s", "1x", "1 s", "1s!", "-1s", "9".repeat(50)]) {
    assert.ok(duration(text) === null || duration(text) === LONGEST_WAIT, text);
  }
});

test("durations put together at random are read as expressions read them", () => {
  const units: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  const byExpression = (text: string) => {
    if (/^\d+(\.\d+)?$/.test(text)) return Math.min(Number(text) * 1000, LONGEST_WAIT);
    if (text.length > 40 || !/^(\d+(\.\d+)?(d|h|ms|m|s))+$/.test(text)) return null;
    let total = 0;
    for (const [, amount, , unit] of text.matchAll(/(\d+(\.\d+)?)(d|h|ms|m|s)/g))
      total += Number(amount) * (units[unit ?? ""] ?? 0);
    return Math.min(total, LONGEST_WAIT);
  };
  const random = seededRandom(9);
  const parts = [
    "0",
    "5",
    "12",
    "987654321",
    "0123456789",
    ".",
    ".",
    "d",
    "h",
    "m",
    "s",
    "ms",
    "ms",
    " ",
    "x",
    "-",
    "constructor",
  ];
  let read = 0;
  for (let round = 0; round < 100_000; round += 1) {
    let text = "";
    for (let i = 1 + Math.floor(random.next() * 9); i > 0; i -= 1)
      text += parts[Math.floor(random.next() * parts.length)];
    assert.equal(duration(text), byExpression(text), text);
    if (duration(text) !== null) read += 1;
  }
  assert.ok(read > 2000);
});

test("a wait in the message", () => {
  assert.equal(waitInMessage("Please try again in 20s."), 20_000);
  assert.equal(waitInMessage("Please try again in 120ms."), 120);
  assert.equal(waitInMessage("Please try again in 1m2.5s. Visit x"), 62_500);
  assert.equal(waitInMessage("Please retry after 26 seconds."), 26_000);
  assert.equal(waitInMessage("Please retry in 2 minutes"), 120_000);
  assert.equal(waitInMessage("try again later"), null);
  assert.equal(waitInMessage("try again in a while"), null);
});

test("OpenAI's and Anthropic's quotas come out in one form", () => {
  const openai = [
    ["x-ratelimit-limit-requests", "60"],
    ["x-ratelimit-remaining-requests", "59"],
    ["x-ratelimit-reset-requests", "1s"],
    ["x-ratelimit-limit-tokens", "150000"],
    ["x-ratelimit-remaining-tokens", "149984"],
    ["x-ratelimit-reset-tokens", "6m0s"],
  ].flat();
  assert.deepEqual(quotaReadings(openai, CLOCK), [
    { kind: "requests", limit: 60, remaining: 59, resetMs: 1000 },
    { kind: "tokens", limit: 150_000, remaining: 149_984, resetMs: 360_000 },
  ]);
  const anthropic = ["requests", "tokens", "input-tokens", "output-tokens"].flatMap((kind) => [
    ...[`anthropic-ratelimit-${kind}-limit`, "1000"],
    ...[`anthropic-ratelimit-${kind}-remaining`, "10"],
    ...[`anthropic-ratelimit-${kind}-reset`, "2026-01-01T12:00:45Z"],
  ]);
  assert.deepEqual(
    quotaReadings(anthropic, CLOCK),
    (["requests", "tokens", "input_tokens", "output_tokens"] as const).map((kind) => ({
      kind,
      limit: 1000,
      remaining: 10,
      resetMs: 45_000,
    })),
  );
});

test("of a quota per minute and one per day the scarcer is taken", () => {
  const headers = [
    ["x-ratelimit-limit-requests-day", "100"],
    ["x-ratelimit-remaining-requests-day", "1"],
    ["x-ratelimit-reset-requests-day", "3600.5"],
    ["x-ratelimit-limit-requests-minute", "30"],
    ["x-ratelimit-remaining-requests-minute", "29"],
    ["x-ratelimit-reset-requests-minute", "12.5"],
  ].flat();
  assert.deepEqual(quotaReadings(headers, CLOCK), [
    { kind: "requests", limit: 100, remaining: 1, resetMs: 3_600_500 },
  ]);
});

test("incomplete, unreadable and absurd quotas are left out", () => {
  const of = (limit: string, remaining: string, reset: string) =>
    quotaReadings(
      [
        "x-ratelimit-limit-tokens",
        limit,
        "x-ratelimit-remaining-tokens",
        remaining,
        "x-ratelimit-reset-tokens",
        reset,
      ],
      CLOCK,
    );
  assert.equal(of("10", "5", "1s").length, 1);
  for (const [limit, remaining, reset] of [
    ["", "5", "1s"],
    ["10", "many", "1s"],
    ["10", "5", ""],
    ["10", "5", "whenever"],
    ["0", "0", "1s"],
    ["-1", "5", "1s"],
    ["10", "5", "2126-01-01T00:00:00Z"],
  ] as const) {
    assert.deepEqual(of(limit, remaining, reset), [], `${limit} ${remaining} ${reset}`);
  }
  assert.deepEqual(quotaReadings(["x-ratelimit-limit", "5", "x-ratelimit-foo-bar", "1"], CLOCK), []);
  assert.equal(of("10", "5", "1767268830")[0]?.resetMs, 30_000, "seconds since 1970");
  assert.equal(of("10", "5", "1767268830000")[0]?.resetMs, 30_000, "milliseconds since 1970");
});

test("a used-up quota refills evenly until its reset", () => {
  const requests = { kind: "requests", limit: 60, remaining: 0, resetMs: 60_000 } as const;
  assert.equal(waitByQuota([requests], 0), 1000);
  assert.equal(waitByQuota([{ ...requests, remaining: 5 }], 0), null);
  assert.equal(waitByQuota([], 100), null);
  const tokens = { kind: "tokens", limit: 1000, remaining: 0, resetMs: 10_000 } as const;
  assert.equal(waitByQuota([requests, tokens], 500), 5000);
  assert.equal(waitByQuota([tokens], 5000), 10_000);
});
