/** A head is taken as it came, whatever heads came before it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KnownRequests } from "../../src/http/known-requests.ts";
import { take } from "./support/take-head.ts";

const SDK = [
  "host",
  "h",
  "content-length",
  "12",
  "authorization",
  "Bearer one",
  "user-agent",
  "OpenAI/JS",
  "accept",
  "*/*",
];

/** Every line left out, doubled, moved to the end, cut, changed, or with one of the names that mean something. */
function variants(head: readonly string[]): string[][] {
  const all: string[][] = [];
  for (let i = 0; i <= head.length; i += 2) {
    const before = head.slice(0, i);
    const line = head.slice(i, i + 2);
    const after = head.slice(i + 2);
    const value = line[1] ?? "";
    all.push(
      before,
      [...before, ...after],
      [...before, ...line, ...line, ...after],
      [...before, ...after, ...line],
    );
    all.push([...before, line[0] ?? "x", `${value}0`, ...after], [...before, "x", value, ...after]);
    for (const added of [
      ["content-length", "12"],
      ["content-length", "5"],
      ["content-length", "-1"],
      ["content-length", ""],
      ["transfer-encoding", "chunked"],
      ["transfer-encoding", "gzip, chunked"],
      ["host", "other"],
      ["upgrade", "websocket"],
      ["upgrade", "h2c"],
      ["x-forwarded-for", "192.0.2.1"],
      ["forwarded", "for=192.0.2.1"],
      ["x-real-ip", "192.0.2.1"],
      ["origin", "https://example.org"],
      ["sec-fetch-site", "cross-site"],
      ["x-request-id", "mine"],
      ["x-value", "content-length"],
    ])
      all.push([...before, ...added, ...line, ...after], [...before, ...added, ...after]);
  }
  return all;
}

test("a head like the last one but for one line is not taken for it", () => {
  for (const base of [SDK, SDK.filter((_, i) => i !== 2 && i !== 3), [...SDK.slice(4), ...SDK.slice(0, 4)]])
    for (const variant of variants(base)) {
      const requests = new KnownRequests();
      take(requests, base);
      take(requests, base);
      take(requests, variant);
      take(requests, base);
      take(requests, variant);
      take(requests, variant);
    }
});

test("the length is that of each request, and is refused where it is none", () => {
  const requests = new KnownRequests();
  for (const length of ["12", "12", "0", "999999", "", "+5", "5, 5", "1e3", "0x5", "1234567890123456", "12"])
    take(
      requests,
      SDK.map((text, i) => (i === 3 ? length : text)),
    );
});

test("what was found in a head is found again in the same one only", () => {
  const requests = new KnownRequests();
  const notesOf = (lines: readonly string[]) => {
    take(requests, lines);
    return requests.head.notes;
  };
  const first = notesOf(SDK);
  const other = SDK.map((text) => (text === "Bearer one" ? "Bearer two" : text));
  const longer = SDK.map((text, i) => (i === 3 ? "99" : text));
  assert.equal(notesOf(SDK), first);
  assert.equal(notesOf(longer), first);
  assert.notEqual(notesOf(other), first);
  assert.equal(notesOf(SDK), first);
});

test("secrets that are known, new, forgotten or each other's lead to no other head", () => {
  const requests = new KnownRequests();
  const headOf = (bearer: string, key: string) => [
    "host",
    "h",
    "authorization",
    bearer,
    "x-api-key",
    key,
    "accept",
    "*",
  ];
  const values = ["", "a", "b", "ab", "abc", "Bearer a", "Bearer b"];
  for (let round = 0; round < 3; round++) {
    for (const bearer of values) for (const key of values) take(requests, headOf(bearer, key));
    for (let i = 0; i < 100; i++) take(requests, headOf(`Bearer ${round}-${i}`, "a"));
    take(requests, [
      "host",
      "h",
      ...Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? "cookie" : `${round}-${i}`)),
    ]);
    take(requests, headOf("a", "b"));
    take(requests, headOf("b", "a"));
  }
});

test("no more heads are remembered than a few, none that is long, and none that says it is the only one", () => {
  const requests = new KnownRequests();
  const notesOf = (lines: readonly string[]) => {
    take(requests, lines);
    return requests.head.notes;
  };
  const first = notesOf(SDK);
  for (let i = 0; i < 8; i++) take(requests, [...SDK, "x-number", `${i}`]);
  assert.notEqual(notesOf(SDK), first);
  for (const more of [
    ["x-long", "l".repeat(4096)],
    Array.from({ length: 122 }, () => "x"),
    ["idempotency-key", "1"],
    ["traceparent", "1"],
    ["x-client-request-id", "1"],
    ["x-request-id", "1"],
  ]) {
    const head = [...SDK, ...more];
    assert.notEqual(notesOf(head), notesOf(head), more[0]);
  }
});

test("random heads come out as without a memory", () => {
  const requests = new KnownRequests();
  const seed = process.env["SEED"] ?? "1";
  let state = Number(seed);
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let i = 0; i < 20_000; i++) {
    const lines: string[] = [];
    for (let n = random(5); n > 0; n--)
      lines.push(["host", "content-length", "accept", "origin", "x-a"][random(5)] ?? "", `${random(3)}`);
    take(requests, lines);
  }
});
