/** Memory of bodies that is used again: never seen by who had it before, never more than the bound, given back after a pause. */
import { deepEqual, equal, notEqual } from "node:assert/strict";
import { test } from "node:test";
import { createBodyBuffers } from "../../src/gateway/body-buffers.ts";
import { fakeTime } from "../support/fake-time.ts";

const options = { skip: !("transfer" in ArrayBuffer.prototype) && "not before Node 22" };
const KIB = 1024;

test("a buffer that was given back serves again, and whoever still looks at it sees nothing", options, () => {
  const buffers = createBodyBuffers(fakeTime().timers, 1 << 20);
  const first = buffers.take(100_000);
  first.write("secret of the first");
  const view = first.subarray(0, 6);
  buffers.give(first);
  equal(view.length, 0);
  equal(buffers.kept(), 128 * KIB);
  const second = buffers.take(70_000);
  equal(buffers.kept(), 0);
  equal(second.toString("latin1", 0, 6), "secret");
  second.fill(7);
  equal(view.length, 0);
  equal(first.length, 0);
});

test("a size takes what serves its own size only", options, () => {
  const buffers = createBodyBuffers(fakeTime().timers, 1 << 20);
  buffers.give(buffers.take(16 * KIB));
  buffers.give(buffers.take(16 * KIB + 1));
  deepEqual([buffers.take(20 * KIB).length, buffers.take(16 * KIB).length], [32 * KIB, 16 * KIB]);
  equal(buffers.kept(), 0);
});

test("small bodies, which share memory of Node's, and the largest are not kept", options, () => {
  const buffers = createBodyBuffers(fakeTime().timers, 1 << 24);
  const small = buffers.take(200);
  small.fill(7);
  buffers.give(small);
  equal(small[0], 7);
  const large = buffers.take((1 << 20) + 1);
  buffers.give(large);
  equal(large.length, 0);
  const strange = Buffer.allocUnsafeSlow(100_000);
  buffers.give(strange);
  equal(strange.length, 0);
  equal(buffers.kept(), 0);
});

test("no more is kept than the bound", options, () => {
  const buffers = createBodyBuffers(fakeTime().timers, 100 * KIB);
  const taken = [1, 2, 3, 4].map(() => buffers.take(32 * KIB));
  for (const buffer of taken) buffers.give(buffer);
  equal(buffers.kept(), 96 * KIB);
  for (const buffer of taken) equal(buffer.length, 0);
});

test("what nobody needed for two seconds is given back, and so is all at the end", options, () => {
  const time = fakeTime();
  const buffers = createBodyBuffers(time.timers, 1 << 20);
  buffers.give(buffers.take(64 * KIB));
  time.advance(1900);
  buffers.give(buffers.take(64 * KIB));
  time.advance(1900);
  equal(buffers.kept(), 64 * KIB);
  time.advance(200);
  equal(buffers.kept(), 0);
  buffers.give(buffers.take(64 * KIB));
  notEqual(buffers.kept(), 0);
  buffers.close();
  equal(buffers.kept(), 0);
});
