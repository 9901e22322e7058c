// The test command: type check, Biome, knip, then every test file bundled by esbuild and run by node:test.
// `npm test -- test/http` runs a part (and skips the checks), `--long` adds the *.long.test.ts files, `--only-long` runs only them.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { build } from "esbuild";
import { bundle } from "./bundle.mjs";

const args = process.argv.slice(2);
const long = args.includes("--long");
const onlyLong = args.includes("--only-long");
const parts = args.filter((arg) => !arg.startsWith("--"));
const nodeFlags = args.filter((arg) => arg.startsWith("--test-"));

/** @param {string} command @param {string[]} commandArgs */
function run(command, commandArgs) {
  const result = spawnSync(command, commandArgs, { stdio: "inherit" });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** @param {string} folder @returns {string[]} */
function testFiles(folder) {
  if (statSync(folder).isFile()) return [folder];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((name) => name.endsWith(".test.ts"));
}

if (parts.length === 0 && !onlyLong) {
  run("node_modules/.bin/tsc", ["-p", "tsconfig.json"]);
  run("node_modules/.bin/biome", ["check", "."]);
  run("node_modules/.bin/knip", []);
}

const wanted = (parts.length === 0 ? ["test"] : parts)
  .flatMap(testFiles)
  .filter((name) => parts.length > 0 || (name.endsWith(".long.test.ts") ? long || onlyLong : !onlyLong));
if (wanted.length === 0) {
  process.stderr.write(`no test files under ${parts.join(" ") || "test"}\n`);
  process.exit(1);
}

const outdir = join(".cache", "test", String(process.pid));
rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
process.on("exit", () => rmSync(outdir, { recursive: true, force: true }));
if (existsSync("src/main.ts")) await bundle({ quiet: true });
await build({
  entryPoints: wanted,
  outdir,
  outbase: ".",
  bundle: true,
  splitting: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20",
  sourcemap: true,
  outExtension: { ".js": ".mjs" },
  logLevel: "warning",
});

const bundled = wanted.map((name) => join(outdir, relative(".", name).replace(/\.ts$/, ".mjs")));
/** A test that hangs is told by its name, not by whoever gives up waiting for all of them. */
const MOST_MS = wanted.some((name) => name.endsWith(".long.test.ts")) ? 1_200_000 : 300_000;
const result = spawnSync(
  process.execPath,
  [
    "--enable-source-maps",
    "--expose-gc",
    "--test",
    "--test-concurrency=2",
    `--test-timeout=${MOST_MS}`,
    ...nodeFlags,
    ...bundled,
  ],
  { stdio: "inherit" },
);
process.exit(result.status ?? 1);
