import assert from "node:assert/strict";
import { test } from "node:test";
import { headerValue } from "../../src/base/headers.ts";
import { contentEncoding, HeadNames } from "../../src/upstream/head-names.ts";

test("the content-encoding of heads that share their names is each one's own", () => {
  for (const list of [
    ["content-type", "content-encoding", "x-a"],
    ["content-encoding", "content-encoding"],
    ["content-type", "x-content-encoding"],
    [],
  ]) {
    const names = new HeadNames();
    for (const value of ["gzip", "", "br"]) {
      const headers = list.flatMap((name, i) => [name, `${value}${i || ""}`]);
      const expected = headerValue(headers, "content-encoding");
      assert.equal(contentEncoding({ headers, names }), expected);
      assert.equal(contentEncoding({ headers, names: null }), expected);
      assert.equal(contentEncoding({ headers }), expected);
    }
  }
});
