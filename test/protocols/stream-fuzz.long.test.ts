import { test } from "node:test";
import { seedOf } from "../support/seed.ts";
import { fuzzStreams } from "./support/fuzz-streams.ts";

test("100,000 damaged streams of every vendor: no throw, no runaway, always an end", () => {
  fuzzStreams(100_000, seedOf(22));
});
