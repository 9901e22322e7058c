/** The full count of damaged requests, with a seed of the day unless SEED says which. */
import { test } from "node:test";
import { seedOf } from "../support/seed.ts";
import { ENGINES } from "./support/engines.ts";
import { fuzz } from "./support/fuzz.ts";

const seed = seedOf(Math.floor(Date.now() / 86_400_000));

for (const kind of ENGINES) {
  test(`${kind}: 20,000 damaged requests (SEED=${seed})`, (t) => fuzz(t, kind, 20_000, seed));
}
