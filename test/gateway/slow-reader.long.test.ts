/** 64. Fifty megabytes to a reader that takes nothing for 25 seconds: memory stays, and the rest arrives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readSlowly } from "./support/slow-reader.ts";

const EVENTS = 52_000;

for (const engine of ["node", "hyper-express"] as const) {
  test(`50 MB, 25 s pause: memory grows by less than 4 MB, and all of it arrives (${engine})`, async (t) => {
    const reading = await readSlowly(t, engine, EVENTS, 25_000);
    t.diagnostic(
      `grew by ${Math.round(reading.growth / 1024)} KiB; ${reading.sentInPause} bytes in the pause`,
    );
    assert.ok(reading.growth < 4 * 1024 * 1024, `grew by ${reading.growth} bytes`);
    assert.ok(reading.sentBefore < EVENTS * 1000, "the upstream waits");
    assert.equal(reading.sentInPause, 0);
    assert.equal(reading.events, EVENTS);
    assert.equal(reading.ordered, true);
    assert.equal(reading.done, true);
  });
}
