import assert from "node:assert/strict";
import { test } from "node:test";
import { applyEdits } from "../../src/base/json-edit.ts";

test("one edit anywhere: what stands around it stays, and no piece is empty", () => {
  const text = '{"model":"é","n":1}';
  const bytes = Buffer.from(text);
  for (let start = 0; start <= bytes.length; start++) {
    for (let end = start; end <= bytes.length; end++) {
      for (const put of ["", '"ü"']) {
        for (const known of [undefined, Buffer.from(put)]) {
          const edit = { start, end, text: put, ...(known === undefined ? {} : { bytes: known }) };
          const pieces = applyEdits(bytes, [edit]);
          const wanted = [bytes.subarray(0, start), Buffer.from(put), bytes.subarray(end)];
          assert.deepEqual(Buffer.concat(pieces), Buffer.concat(wanted));
          assert.ok(pieces.every((piece) => piece.length > 0));
        }
      }
    }
  }
});
