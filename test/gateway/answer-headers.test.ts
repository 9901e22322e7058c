/** Which of an upstream's headers pass, whatever heads came before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { upstreamHeaders } from "../../src/gateway/answer-headers.ts";
import { HeadNames } from "../../src/upstream/head-names.ts";

function passed(headers: string[], sameBody = true, rateLimits = true): string[] {
  const own = upstreamHeaders({ headers }, sameBody, rateLimits, ["x-own", "x-other"]);
  assert.deepEqual(own.slice(-4), ["x-own", "", "x-other", ""]);
  const bare = upstreamHeaders({ headers }, sameBody, rateLimits, []);
  assert.deepEqual(own.slice(0, -4), bare);
  return bare;
}

test("what passes depends on the name and on the rules, for a head that is known as for a new one", () => {
  const head = (id: string) => [
    ...["content-type", "text/plain", "date", "d", "x-request-id", id, "x-ratelimit-limit-tokens", "5"],
    ...["x-sluice-evil", "e", "access-control-allow-origin", "*", "etag", "t", "openai-version", id],
  ];
  for (const id of ["1", "1", "2"]) {
    const type = ["content-type", "text/plain"];
    const own = ["x-sluice-upstream-request-id", id];
    const limit = ["x-ratelimit-limit-tokens", "5"];
    const rest = ["openai-version", id];
    assert.deepEqual(passed(head(id)), [...type, ...own, ...limit, "etag", "t", ...rest]);
    assert.deepEqual(passed(head(id), false), [...own, ...limit, ...rest]);
    assert.deepEqual(passed(head(id), true, false), [...type, ...own, "etag", "t", ...rest]);
  }
});

test("more heads than are remembered, short and long, follow the same rules", () => {
  for (let round = 0; round < 3; round++)
    for (let i = 0; i < 40; i++) {
      const name = `x-${i}-${"n".repeat(i * 200)}`;
      const headers = ["set-cookie", "s", name, String(round), "retry-after", "1"];
      assert.deepEqual(
        passed(headers, true, i % 2 === 0),
        i % 2 === 0 ? headers.slice(2) : [name, String(round)],
      );
    }
});

test("a head whose names are known is read by them, each set of rules for itself", () => {
  const names = new HeadNames();
  const others = new HeadNames();
  for (const id of ["1", "2", "3"])
    for (const [sameBody, rateLimits] of [
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ] as const) {
      const headers = ["content-type", "t", "date", id, "x-request-id", id, "retry-after", id, "x-a", id];
      const fewer = ["x-b", id, "date", id, "etag", id];
      for (const own of [["x-own"], []]) {
        assert.deepEqual(
          upstreamHeaders({ headers, names }, sameBody, rateLimits, own),
          upstreamHeaders({ headers }, sameBody, rateLimits, own),
        );
        assert.deepEqual(
          upstreamHeaders({ headers: fewer, names: others }, sameBody, rateLimits, own),
          upstreamHeaders({ headers: fewer }, sameBody, rateLimits, own),
        );
      }
    }
});
