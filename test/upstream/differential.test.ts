import assert from "node:assert/strict";
import { test } from "node:test";
import { compareWithOracles } from "./differential.ts";

test("answers read as node:http and undici read them, or differ as listed", async () => {
  assert.ok((await compareWithOracles(250, Number(process.env["SEED"] ?? 3))) > 300);
});
