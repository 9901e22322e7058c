// Damaged files: an error list or a configuration, never an exception.
import { test } from "node:test";
import { fuzzLoader } from "./mutation.ts";

test("1,000 damaged files load or are refused with errors", () => fuzzLoader(1000));
