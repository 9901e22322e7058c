import assert from "node:assert/strict";
import { test } from "node:test";
import { knownModel } from "../../../src/protocols/openai-chat/known-model.ts";

test("what is known of a model's name, the first time and again, and after more names than are remembered", () => {
  for (let round = 0; round < 2; round++) {
    for (const name of ["o3", "gpt-4o", 'a"b\\c', "\u6a21\u578b", ""]) {
      const { json, bytes, escaped, reasons } = knownModel(name);
      assert.equal(json, JSON.stringify(name));
      assert.equal(bytes.toString("utf8"), json);
      assert.equal(`"${escaped}"`, json);
      assert.equal(reasons, name === "o3");
    }
    for (let i = 0; i < 300; i++) assert.equal(knownModel(`m${i}`).escaped, `m${i}`);
  }
  assert.equal(knownModel("m299"), knownModel("m299"));
});
