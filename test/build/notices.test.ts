import { deepEqual, match } from "node:assert/strict";
import { test } from "node:test";
import { packageFolders, packageNotice } from "../../build/notices.mjs";

test("the packages of a bundle are found by its inputs, scoped and nested ones too", () => {
  deepEqual(
    packageFolders([
      "src/main.ts",
      "node_modules/pino/pino.js",
      "node_modules/@scope/name/lib/a.js",
      "node_modules/a/node_modules/b/index.js",
      "node_modules/pino/lib/tools.js",
    ]),
    ["node_modules/@scope/name", "node_modules/a/node_modules/b", "node_modules/pino"],
  );
});

test("a notice has the package's version, licence and the licence's text", () => {
  const notice = packageNotice("node_modules/pino");
  match(notice, /^pino \d+\.\d+\.\d+ \(MIT\)\n/);
  match(notice, /Permission is hereby granted/);
});
