/** Which of an upstream's headers pass, whatever heads came before, and how times are written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTiming, tenths, upstreamHeaders } from "../../src/gateway/answer-headers.ts";

function passed(headers: string[], sameBody = true, rateLimits = true): string[] {
  const own = upstreamHeaders(headers, { sameBody, rateLimits }, ["x-own", "x-other"]);
  assert.deepEqual(own.slice(-4), ["x-own", "", "x-other", ""]);
  const bare = upstreamHeaders(headers, { sameBody, rateLimits }, []);
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

test("times have a tenth's resolution, below and above those that are kept written", () => {
  for (const [ms, text] of [
    [0, "0"],
    [-0.04, "0"],
    [0.04, "0"],
    [0.05, "0.1"],
    [1, "1"],
    [12.34, "12.3"],
    [99.9, "99.9"],
    [99.96, "100"],
    [100.1, "100.1"],
    [12345.67, "12345.7"],
  ] as const)
    for (let i = 0; i < 2; i++) assert.equal(tenths(ms), text);
});

test("what server-timing says is the same for times that are kept written, for longer ones, and the second time", () => {
  for (let round = 0; round < 2; round++)
    for (const queue of [0, 0.04, 1.5, 1.54, 1.6, 20, -0.1])
      for (const policy of [0, 0.05, 1.5, 1.7, 300])
        for (const total of [0, 0.1, 99.9, 100, 12345.67])
          assert.equal(
            formatTiming(queue, policy, 3.21, total),
            `queue;dur=${tenths(queue)}, policy;dur=${tenths(policy)}, upstream;dur=3.2, total;dur=${tenths(total)}`,
          );
});
