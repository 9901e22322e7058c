/** Request ids: the caller's own when it is sane, else one that no other request of this process has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createRequestIds } from "../../src/gateway/request-id.ts";

test("ids count up behind a random start, in sixteen digits", () => {
  const ids = createRequestIds({ next: () => 0x12345 / 0x1_0000_0000 });
  for (let count = 1; count < 1000; count++) {
    const id = count % 2 === 0 ? ids.make() : ids.take([]);
    assert.equal(id, `slc-00012345${count.toString(16).padStart(8, "0")}`);
  }
});

test("a caller's own id is kept when it is short and printable", () => {
  const ids = createRequestIds({ next: () => 0 });
  for (const own of ["a", "~".repeat(128)]) assert.equal(ids.take(["x-request-id", own]), own);
  for (const own of ["", "~".repeat(129), "a b", "ü", "a\x7f"])
    assert.match(ids.take(["x-request-id", own]), /^slc-0{8}[0-9a-f]{8}$/);
});
