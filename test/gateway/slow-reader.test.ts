/** A reader that takes a pause stops the upstream, and then gets the rest: a short one for every run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readSlowly } from "./support/slow-reader.ts";

const EVENTS = 40_000;

for (const engine of ["node", "hyper-express"] as const) {
  test(`a reader that pauses for a second stops the upstream and loses nothing (${engine})`, async (t) => {
    const reading = await readSlowly(t, engine, EVENTS, 1000);
    assert.ok(reading.sentBefore < EVENTS * 1000, "the upstream waits");
    assert.equal(reading.sentInPause, 0);
    assert.equal(reading.events, EVENTS);
    assert.equal(reading.ordered, true);
    assert.equal(reading.done, true);
  });
}
