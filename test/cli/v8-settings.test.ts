import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { settingsFor } from "../../src/cli/v8-settings.ts";

const OWN = Number.parseInt(process.versions.node, 10);

test("V8 knows what it is told: it says nothing on stderr", () => {
  const settings = JSON.stringify(settingsFor(OWN));
  const program = `for (const each of ${settings}) require("node:v8").setFlagsFromString(each);`;
  const { status, stderr } = spawnSync(process.execPath, ["-e", program], { encoding: "utf8" });
  assert.equal(stderr, "");
  assert.equal(status, 0);
});

test("the collections that V8 makes of its own after a burst are off where that can be told", () => {
  const isOff = (major: number) => settingsFor(major).includes("--memory-reducer-gc-count=0");
  assert.deepEqual([20, 22, 24].map(isOff), [false, true, true]);
});
