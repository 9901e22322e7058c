/** 200 seeds of the simulation, thousands of steps each. */
import { test } from "node:test";
import { seedOf } from "../support/seed.ts";
import { simulate } from "./simulation.ts";

const first = seedOf(1000);
const count = process.env.SEED === undefined ? 200 : 1;

test(`${count} seeds from ${first} on`, () => {
  for (let seed = first; seed < first + count; seed++) simulate(seed, 2000);
});
