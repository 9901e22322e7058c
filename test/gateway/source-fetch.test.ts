/** A source that never answers is given up after ten seconds, wherever it hangs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../src/base/failure.ts";
import type { Core } from "../../src/gateway/core.ts";
import { type FetchedSource, SourceFetch } from "../../src/gateway/source-fetch.ts";
import { fakeTime } from "../support/fake-time.ts";

test("ten seconds are for the look-up of the name too", async () => {
  const time = fakeTime();
  const core = { time, publicOrigin: () => new Promise(() => {}) } as unknown as Core;
  const results: (FetchedSource | Failure)[] = [];
  const quota = { left: 1000, take: () => null };
  new SourceFetch(core, "https://slow.example/x", quota, (result) => results.push(result));
  await time.run(9999);
  assert.equal(results.length, 0);
  await time.run(2);
  const failure = results[0];
  assert.ok(failure instanceof Failure);
  assert.match(failure.message, /slow\.example did not answer within 10 s/);
  assert.equal(time.pending, 0);
});

test("a cancelled one says nothing and leaves no timer", async () => {
  const time = fakeTime();
  const core = { time, publicOrigin: () => Promise.reject(new Failure("upstream", "x", { code: "y" })) };
  let called = 0;
  const fetch = new SourceFetch(
    core as unknown as Core,
    "https://a.example/x",
    { left: 1, take: () => null },
    () => {
      called++;
    },
  );
  fetch.cancel();
  await time.run(20_000);
  assert.equal(called, 0);
  assert.equal(time.pending, 0);
});
