import assert from "node:assert/strict";
import { test } from "node:test";
import { answer } from "../support/answers.ts";
import { stage } from "./stage.ts";

test("bodies of every number of digits arrive whole, on both sides of what goes out in one write", async (t) => {
  const { ask, upstream, origin } = await stage(t, answer({ body: "ok" }));
  const sizes = [1, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 100_000];
  for (let size = 16_200; size <= 16_400; size += 4) sizes.push(size);
  for (const size of sizes) {
    const outcome = await ask(origin, { body: "x".repeat(size) });
    assert.equal(outcome.failure, null);
  }
  assert.deepEqual(
    upstream.requests.map((received) => received.body.length),
    sizes,
  );
});
