/** Runs large-child.ts in a process of its own with a small heap. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** Four bodies of `mebibytes` each, heap of `heap` MB. */
export async function convertLarge(mebibytes: number, heap: number): Promise<void> {
  const folder = join(".cache", "large-bodies", String(process.pid));
  mkdirSync(folder, { recursive: true });
  try {
    const outfile = join(folder, "child.mjs");
    await build({
      entryPoints: ["test/protocols/support/large-child.ts"],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      target: "node20",
      logLevel: "warning",
    });
    const flags = [`--max-old-space-size=${heap}`, "--max-semi-space-size=2"];
    const child = spawnSync(process.execPath, [...flags, outfile, String(mebibytes)], {
      encoding: "utf8",
      timeout: 60_000,
    });
    assert.equal(child.status, 0, child.stderr.slice(0, 2000));
    const figures = JSON.parse(child.stdout);
    assert.equal(figures.bodies, 4);
    assert.ok(figures.heapUsed < (heap / 2) * 1024 * 1024, `heap in use: ${figures.heapUsed}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
