/** Heads of requests that are like those before but for a line say what they say by themselves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HeadNotes } from "../../src/http/exchange.ts";
import { KnownRequests } from "../../src/http/known-requests.ts";
import { type Chance, fuzz } from "../support/fuzz.ts";
import { take } from "./support/take-head.ts";

const NAMES = [
  "authorization",
  "x-api-key",
  "api-key",
  "cookie",
  "accept",
  "user-agent",
  "transfer-encoding",
  "upgrade",
  "x-forwarded-for",
  "forwarded",
  "x-real-ip",
  "origin",
  "referer",
  "sec-fetch-site",
  "x-request-id",
  "idempotency-key",
  "traceparent",
  "x-stainless-lang",
  "connection",
];
const VALUES = [
  "",
  "h",
  "12",
  "5",
  "0",
  "-1",
  "Bearer a",
  "Bearer b",
  "Bearer ab",
  "chunked",
  "gzip, chunked",
  "websocket",
  "h2c",
  "192.0.2.1",
  "cross-site",
  "https://e.org",
  "*/*",
  "v".repeat(3000),
];
const ANY_NAME = ["host", "content-length", ...NAMES];

function head(chance: Chance): string[] {
  const length = chance.happens(0.7) ? ["content-length"] : [];
  const names = chance.shuffled(["host", ...length, ...chance.picks(NAMES, chance.below(5))]);
  return names.flatMap((name) => [
    name,
    name === "content-length" ? "12" : name === "host" ? "h" : chance.pick(VALUES),
  ]);
}

/** With another value or name in a line, with one line less, or one more. */
function changed(base: readonly string[], chance: Chance): string[] {
  const lines = [...base];
  const at = 2 * chance.below(lines.length / 2);
  switch (chance.below(4)) {
    case 0:
      return lines.with(at + 1, chance.pick(VALUES));
    case 1:
      return lines.toSpliced(at, 2);
    case 2:
      return lines.toSpliced(at, 0, chance.pick(ANY_NAME), chance.pick(VALUES));
    default:
      return lines.with(at, chance.pick(ANY_NAME));
  }
}

test("heads of a few clients, and heads like those, are taken as if none had come before", () => {
  let refused = 0;
  let recalled = 0;
  fuzz(1200, 31, (chance) => {
    const requests = new KnownRequests();
    const seen = new WeakSet<HeadNotes>();
    // More of them than are remembered, or fewer.
    const bases = Array.from({ length: 1 + chance.below(12) }, () => head(chance));
    for (let i = 0; i < 100; i++) {
      const base = chance.pick(bases);
      if (!take(requests, chance.happens(0.6) ? changed(base, chance) : base)) {
        refused++;
        continue;
      }
      const { notes } = requests.head;
      if (seen.has(notes)) recalled++;
      seen.add(notes);
    }
  });
  assert.ok(recalled > 10_000 && refused > 10_000, `${recalled} recalled, ${refused} refused`);
});
