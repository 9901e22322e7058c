// Bundles the program: src/main.ts -> dist/sluice.cjs, one CommonJS file that plain Node runs.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The commit this tree is at, or "unknown" outside a checkout. */
function commit() {
  try {
    return execFileSync("git", ["rev-parse", "--short=12", "HEAD"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "unknown";
  }
}

/** @param {{ quiet?: boolean }} options */
export async function bundle(options = {}) {
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));
  const started = performance.now();
  await build({
    entryPoints: ["src/main.ts"],
    outfile: "dist/sluice.cjs",
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    external: ["uWebSockets.js"],
    lineLimit: 180,
    define: {
      SLUICE_VERSION: JSON.stringify(manifest.version),
      SLUICE_COMMIT: JSON.stringify(commit()),
    },
    logLevel: "warning",
  });
  if (!options.quiet)
    process.stdout.write(`dist/sluice.cjs in ${Math.round(performance.now() - started)} ms\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await bundle({ quiet: process.argv.includes("--quiet") });
