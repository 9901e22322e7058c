import { test } from "node:test";
import { seedOf } from "../support/seed.ts";
import { fuzzStreams } from "./support/fuzz-streams.ts";

test("20,000 damaged streams of every vendor: no throw, no runaway, always an end", () => {
  fuzzStreams(20_000, seedOf(21));
});
