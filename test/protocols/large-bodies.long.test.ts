import { test } from "node:test";
import { convertLarge } from "./support/convert-large.ts";

test("four bodies of 32 MiB are converted at once in the shipped heap of 64 MB", () => convertLarge(32, 64));
