import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryView } from "../../src/base/memory-view.ts";

/** Of memory of its own, which it fills. */
function piece(length = 300): Buffer {
  return Buffer.from(new Uint8Array(length).buffer);
}

test("a view is of all the memory that the bytes are in", () => {
  const memory = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
  const bytes = Buffer.from(memory, 3, 4);
  for (let i = 0; i < 2; i++) {
    const view = memoryView(bytes);
    assert.equal(view.buffer, memory);
    assert.equal(view.byteLength, 8);
    assert.equal(view.getUint8(bytes.byteOffset), 4);
  }
});

test("one view serves all bytes of a piece of memory, and who asks for the same bytes again", () => {
  const memory = new ArrayBuffer(8192);
  const view = memoryView(Buffer.from(memory, 0, 100));
  assert.equal(memoryView(Buffer.from(memory, 104, 100)), view);
  const own = piece();
  assert.equal(memoryView(own), memoryView(own));
  assert.equal(memoryView(Buffer.from(memory, 208, 100)), view);
});

test("pieces that come once leave what is read into its view", () => {
  const read = Buffer.from(new ArrayBuffer(64 * 1024));
  const view = memoryView(read, 500);
  for (let i = 0; i < 10; i++) {
    memoryView(piece());
    assert.equal(memoryView(read, 700), view);
  }
});

test("no memory beyond 64 KiB is held on to, and no more than a few pieces of it", () => {
  const large = piece(64 * 1024 + 1);
  assert.notEqual(memoryView(large, 1), memoryView(large, 1));
  const memories = [1, 2, 3].map(() => new ArrayBuffer(8192));
  const views = memories.map((memory) => memoryView(Buffer.from(memory, 0, 8)));
  const again = memories.map((memory) => memoryView(Buffer.from(memory, 8, 8)));
  assert.notEqual(again[0], views[0]);
});
