// Builds the single executables: dist/sluice-linux-x64 and dist/sluice-linux-arm64. Runs on Linux x64 and arm64, needs
// npm only. The result depends on the sources and the pinned versions alone, not on where or when it is built.
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";
import { sha256File } from "./cache.mjs";
import { stripElf } from "./elf.mjs";
import { fetchNode } from "./node-binary.mjs";
import { executableNotices } from "./notices.mjs";
import { patchAddon } from "./patch-addon.mjs";
import {
  ARCHS,
  addonFile,
  BUILD_NODE_SHA256,
  BUILD_NODE_VERSION,
  NODE_SHA256,
  NODE_VERSION,
} from "./runtime.mjs";

/** @typedef {import("./runtime.mjs").Arch} Arch */

/** The Node that runs the build steps which need a certain version. @returns {Promise<string>} its path */
export async function buildNode() {
  const arch = process.arch;
  if (process.platform !== "linux" || (arch !== "x64" && arch !== "arm64"))
    throw new Error(`executables are built on Linux x64 or arm64, this is ${process.platform} ${arch}`);
  return (await fetchNode({ version: BUILD_NODE_VERSION, arch, sha256: BUILD_NODE_SHA256[arch] })).node;
}

/**
 * Puts a stripped Node where pkg looks for its downloads, marked as complete, so that it fetches nothing. Stripping
 * comes first: done after the injection it breaks the file.
 * @param {string} home @param {Arch} arch
 */
async function seedBase(home, arch) {
  const { node } = await fetchNode({ version: NODE_VERSION, arch, sha256: NODE_SHA256[arch] });
  const name = `node-v${NODE_VERSION}-linux-${arch}`;
  const archive = join(home, ".pkg-cache/sea", `${name}.tar.gz`);
  const base = join(home, ".pkg-cache/sea", name, "bin/node");
  mkdirSync(join(base, ".."), { recursive: true });
  writeFileSync(archive, "");
  writeFileSync(`${archive}.ok`, "");
  writeFileSync(base, stripElf(readFileSync(node)), { mode: 0o755 });
  writeFileSync(`${base}.ok`, "");
}

/**
 * @param {Arch} arch
 * @param {{ output: string, withAddon: boolean }} options
 *   `withAddon`: the native addon is inside; without, SLUICE_NATIVE_FILE names it (its pages can then be evicted)
 */
export async function makeExecutable(arch, options) {
  const stage = resolve(".cache/exe", String(process.pid));
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  try {
    // pkg makes the blob with the Node of the build machine's architecture.
    for (const needed of new Set([arch, /** @type {Arch} */ (process.arch)])) await seedBase(stage, needed);
    copyFileSync("dist/sluice.cjs", join(stage, "sluice.cjs"));
    if (options.withAddon)
      patchAddon(join("node_modules/uWebSockets.js", addonFile(arch)), join(stage, "addon.node"));
    const output = resolve(options.output);
    mkdirSync(join(output, ".."), { recursive: true });
    rmSync(output, { force: true });
    const request = {
      entry: join(stage, "sluice.cjs"),
      target: { nodeRange: `node${NODE_VERSION}`, platform: "linux", arch, output },
      seaConfig: {
        disableExperimentalSEAWarning: true,
        // The path is stored in the executable. pkg works in a folder of its own below TMPDIR; seen from there this
        // one is the same wherever the checkout is.
        main: "../sluice.cjs",
        useSnapshot: false,
        // A code cache saves 3 ms, differs from build to build, and one made on x64 crashes on arm64.
        useCodeCache: false,
        ...(options.withAddon ? { assets: { [addonFile(arch)]: "../addon.node" } } : {}),
      },
    };
    execFileSync(await buildNode(), ["build/sea.cjs", JSON.stringify(request)], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, HOME: stage, TMPDIR: stage, NODE_OPTIONS: "" },
    });
    chmodSync(output, 0o755);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

async function main() {
  await bundle({ quiet: true });
  const sums = [];
  for (const arch of ARCHS) {
    const name = `sluice-linux-${arch}`;
    const output = join("dist", name);
    await makeExecutable(arch, { output, withAddon: true });
    const hash = await sha256File(output);
    sums.push(`${hash}  ${name}\n`);
    process.stdout.write(`${output}  ${statSync(output).size} bytes  sha256 ${hash}\n`);
  }
  const { license } = await fetchNode({ version: NODE_VERSION, arch: "x64", sha256: NODE_SHA256.x64 });
  writeFileSync("dist/sluice-linux.NOTICES", executableNotices(license));
  writeFileSync("dist/SHA256SUMS", sums.join(""));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
