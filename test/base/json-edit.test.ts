import assert from "node:assert/strict";
import { test } from "node:test";
import { applyEdits, EditedBytes, editBytes, piecesOf } from "../../src/base/json-edit.ts";

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

test("one change that is not spelled out is copied as its pieces would be, and nothing in front of it is touched", () => {
  for (const length of [1, 2, 20, 100]) {
    const bytes = Buffer.from(Array.from({ length }, (_, i) => i));
    for (let start = 0; start <= length; start += start < 40 ? 1 : 7) {
      for (let end = start; end <= length; end += end < start + 4 ? 1 : 13) {
        for (const put of ["", "x", "0123456789".repeat(4)]) {
          const edit = { start, end, text: put };
          const edited = editBytes(bytes, [edit]);
          assert.ok(edited instanceof EditedBytes);
          const wanted = Buffer.concat(applyEdits(bytes, [edit]));
          assert.equal(edited.length, wanted.length);
          assert.deepEqual(Buffer.concat(piecesOf(edited)), wanted);
          for (const at of [0, 3, 60]) {
            const target = Buffer.alloc(at + wanted.length, 0xee);
            edited.copyTo(target, at);
            assert.deepEqual(target, Buffer.concat([Buffer.alloc(at, 0xee), wanted]));
          }
        }
      }
    }
  }
});

test("no change and several are spelled out", () => {
  const bytes = Buffer.from("abcdef");
  assert.deepEqual(piecesOf(editBytes(bytes, [])), [bytes]);
  const edits = [
    { start: 1, end: 2, text: "X" },
    { start: 4, end: 4, text: "Y" },
  ];
  assert.equal(Buffer.concat(piecesOf(editBytes(bytes, edits))).toString(), "aXcdYef");
});
