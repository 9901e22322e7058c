/** The shared space for a turn's small pieces: stretches keep their bytes whatever comes in between, and it has a bound. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TurnSpace } from "../../src/http/turn-space.ts";

const text = (space: TurnSpace, start: number, length: number) =>
  Buffer.from(space.view(start, length)).toString("latin1");

test("pieces of one stream lie one behind the other", () => {
  const space = new TurnSpace();
  const at = space.append(0, 0, Buffer.from("one,"));
  assert.equal(space.append(at, 4, Buffer.from("two")), at);
  assert.equal(text(space, at, 7), "one,two");
});

test("a stretch moves behind another stream's piece, and both keep their bytes", () => {
  const space = new TurnSpace();
  const first = space.append(0, 0, Buffer.from("one,"));
  const second = space.append(0, 0, Buffer.from("other"));
  const moved = space.append(first, 4, Buffer.from("two"));
  assert.notEqual(moved, first);
  assert.equal(text(space, moved, 7), "one,two");
  assert.equal(text(space, second, 5), "other");
});

test("a piece without room is refused and what lies there stays", () => {
  const space = new TurnSpace();
  const piece = Buffer.alloc(4096, "a");
  let length = 0;
  let start = 0;
  for (;;) {
    const at = space.append(start, length, piece);
    if (at < 0) break;
    start = at;
    length += piece.length;
    assert.ok(length <= 1 << 20, "there is a bound");
  }
  assert.ok(length >= 16 * 1024);
  assert.equal(space.append(0, 0, piece), -1);
  assert.equal(text(space, start, length), "a".repeat(length));
});

test("the space is empty again once every stream has released its stretch", () => {
  const space = new TurnSpace();
  const first = space.append(0, 0, Buffer.alloc(4096));
  space.append(0, 0, Buffer.alloc(4096));
  space.release();
  assert.notEqual(space.append(0, 0, Buffer.alloc(8)), first, "one still holds its stretch");
  space.release();
  space.release();
  assert.equal(space.append(0, 0, Buffer.alloc(8)), first);
});
