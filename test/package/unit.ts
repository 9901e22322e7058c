/** The systemd unit is accepted by systemd's own checker. */
import { equal } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

test("systemd-analyze finds no fault in the unit", () => {
  const folder = mkdtempSync("/tmp/sluice-unit-");
  try {
    const unit = join(folder, "sluice.service");
    copyFileSync("build/systemd/sluice.service", unit);
    // The checker wants the program to be there.
    const program = "/usr/local/bin/sluice";
    writeFileSync(program, "#!/bin/sh\n", { mode: 0o755, flag: "wx" });
    try {
      const result = spawnSync("systemd-analyze", ["verify", "--man=no", unit], { encoding: "utf8" });
      const own = result.stderr.split("\n").filter((line) => line.includes("sluice"));
      equal(own.join("\n"), "");
      equal(result.error, undefined);
    } finally {
      rmSync(program);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
