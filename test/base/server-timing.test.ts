/** Times in an answer's head. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTimes, ServerTimes } from "../../src/base/server-timing.ts";

test("times are milliseconds with a tenth's resolution, never less than none", () => {
  for (const [ms, text] of [
    [0, "0"],
    [-0.04, "0"],
    [-12.5, "0"],
    [0.04, "0"],
    [0.05, "0.1"],
    [1, "1"],
    [12.34, "12.3"],
    [99.9, "99.9"],
    [99.96, "100"],
    [100.1, "100.1"],
    [12345.67, "12345.7"],
  ] as const)
    assert.equal(
      formatTimes(new ServerTimes(ms, 1.5, ms, 2)),
      `queue;dur=${text}, policy;dur=1.5, upstream;dur=${text}, total;dur=2`,
    );
});
