/** 200 seeds of the simulation: short runs of many worlds find more than long runs of few. `npm run sim` takes more steps. */
import { test } from "node:test";
import { seedOf } from "../support/seed.ts";
import { simulate } from "./simulation.ts";

const first = seedOf(1000);
const count = process.env.SEED === undefined ? 200 : 1;

test(`${count} seeds from ${first} on`, () => {
  for (let seed = first; seed < first + count; seed++) simulate(seed, 300);
});
