/** What is remembered of a head's names and values changes nothing of what its quotas are read as. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HeadNames } from "../../src/upstream/head-names.ts";
import { quotaReadings } from "../../src/upstream/quota-lines.ts";
import { seededRandom } from "../support/fake-time.ts";

const LISTS: readonly (readonly string[])[] = [
  ["content-type", "x-request-id"],
  [
    "date",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
  ],
  [
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-limit-tokens-day",
    "x-ratelimit-remaining-tokens-day",
    "x-ratelimit-reset-tokens-day",
    "x-ratelimit-reset-tokens",
    "x-ratelimit-limit-tokens",
  ],
  [
    "anthropic-ratelimit-input-tokens-limit",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-input-tokens-reset",
    "date",
  ],
];
const VALUES = [
  "10000",
  "9999",
  "9998",
  "0",
  "6ms",
  "30ms",
  "1s",
  "6m0s",
  "8.64s",
  "1m26.4s",
  " 7 ",
  "12.5",
  "",
  "soon",
  "-1",
  "123456789",
  "1234567890",
  "1767268830",
  "1767268830000",
  "2026-01-01T12:00:45Z",
  "Thu, 01 Jan 2026 12:00:00 GMT",
  "9".repeat(40),
];

test("quotas read with names that are known are those of a head read for the first time", () => {
  const random = seededRandom(3);
  const pick = () => VALUES[Math.floor(random.next() * VALUES.length)] ?? "";
  let wall = Date.UTC(2026, 0, 1, 12, 0, 0);
  const clock = { wall: () => wall };
  for (const list of LISTS)
    for (let round = 0; round < 200; round += 1) {
      const names = new HeadNames();
      const headers = list.flatMap((name) => [name, pick()]);
      for (let i = 0; i < 50; i += 1) {
        wall += Math.floor(random.next() * 3) * 1000;
        const at = Math.floor(random.next() * list.length) * 2 + 1;
        if (random.next() < 0.7) headers[at] = pick();
        assert.deepEqual(
          quotaReadings([...headers], clock, names),
          quotaReadings(headers, clock),
          headers.join(" "),
        );
      }
    }
});

test("a list that says the same gives the readings of before; one that names a moment is read by the clock each time", () => {
  let wall = Date.UTC(2026, 0, 1, 12, 0, 0);
  const clock = { wall: () => wall };
  const of = (reset: string) => [
    ...["x-ratelimit-limit-tokens", "10"],
    ...["x-ratelimit-remaining-tokens", "5"],
    ...["x-ratelimit-reset-tokens", reset],
  ];
  const names = new HeadNames();
  const first = quotaReadings(of("6m0s"), clock, names);
  assert.equal(first[0]?.resetMs, 360_000);
  assert.equal(quotaReadings(of("6m0s"), clock, names), first);
  assert.equal(quotaReadings(of("2026-01-01T12:00:45Z"), clock, names)[0]?.resetMs, 45_000);
  wall += 5000;
  assert.equal(quotaReadings(of("2026-01-01T12:00:45Z"), clock, names)[0]?.resetMs, 40_000);
  assert.equal(quotaReadings(of("6m0s"), clock, names)[0]?.resetMs, 360_000);
});
