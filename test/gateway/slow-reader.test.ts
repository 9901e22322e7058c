/** A reader that takes a pause stops the upstream, and then gets the rest: a short one for every run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readSlowly } from "./support/slow-reader.ts";

for (const engine of ["node", "hyper-express"] as const) {
  test(`a reader that pauses for a second stops the upstream and loses nothing (${engine})`, async () => {
    const reading = await readSlowly(engine, 20_000, 1000);
    assert.equal(reading.sentInPause, 0, "the upstream waits");
    assert.equal(reading.events, 20_000);
    assert.equal(reading.ordered, true);
    assert.equal(reading.done, true);
  });
}
