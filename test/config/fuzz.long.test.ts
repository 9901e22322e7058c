// The full count of damaged files.
import { test } from "node:test";
import { fuzzLoader } from "./mutation.ts";

test("5,000 damaged files load or are refused with errors", () => fuzzLoader(5000));
