import { test } from "node:test";
import { convertLarge } from "./support/convert-large.ts";

test("four bodies of 8 MiB are converted at once in a heap of 24 MB", () => convertLarge(8, 24));
