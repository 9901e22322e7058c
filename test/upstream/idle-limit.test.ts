import assert from "node:assert/strict";
import { test } from "node:test";
import { IdleLimit } from "../../src/upstream/idle-limit.ts";
import { fakeTime } from "../support/fake-time.ts";

test("without a word of the server an idle connection is kept for 55 s", () => {
  const time = fakeTime();
  assert.equal(new IdleLimit(time.clock).allowed(-1), 55_000);
});

test("a server's timeout counts less a second, is not believed beyond 10 minutes, and 1 s means not at all", () => {
  const limit = new IdleLimit(fakeTime().clock);
  assert.equal(limit.allowed(5000), 4000);
  assert.equal(limit.allowed(120_000), 119_000);
  assert.equal(limit.allowed(86_400_000), 600_000);
  assert.equal(limit.allowed(1000), 0);
  assert.equal(limit.allowed(0), 0);
});

test("an origin that was seen to close earlier is trusted for less, until that is 10 minutes old", () => {
  const time = fakeTime();
  const limit = new IdleLimit(time.clock);
  limit.closedAfter(15_000);
  assert.equal(limit.allowed(-1), 14_000);
  assert.equal(limit.allowed(5000), 4000);
  limit.closedAfter(30_000);
  assert.equal(limit.allowed(-1), 14_000);
  limit.closedAfter(600);
  assert.equal(limit.allowed(-1), 300);
  time.advance(600_001);
  assert.equal(limit.allowed(-1), 55_000);
});
