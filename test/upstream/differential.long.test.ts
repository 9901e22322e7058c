import { test } from "node:test";
import { compareWithOracles } from "./differential.ts";

test("4,000 mutated answers read as node:http and undici read them, or differ as listed", async () => {
  await compareWithOracles(4000, Number(process.env["SEED"] ?? 101));
});
