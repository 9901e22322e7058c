/** Damaged requests by the thousand: no crash, no hang, nothing left behind. The full count runs in fuzz.long.test.ts. */
import { test } from "node:test";
import { seedOf } from "../support/seed.ts";
import { ENGINES } from "./support/engines.ts";
import { fuzz } from "./support/fuzz.ts";

const seed = seedOf(1);

for (const kind of ENGINES) {
  test(`${kind}: 2,000 damaged requests`, (t) => fuzz(t, kind, 2000, seed));
}
