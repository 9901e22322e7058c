// Bundles the program: src/main.ts -> dist/sluice.cjs, one CommonJS file that plain Node runs.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { collectNotices } from "./notices.mjs";
import { ADDONS } from "./patch-addon.mjs";

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

/** Epoch milliseconds of the sources: the same tree gives the same bundle. */
function buildDate() {
  if (process.env.SOURCE_DATE_EPOCH) return Number(process.env.SOURCE_DATE_EPOCH) * 1000;
  try {
    const seconds = execFileSync("git", ["log", "-1", "--format=%ct"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return Number(seconds) * 1000;
  } catch {
    return Date.now();
  }
}

// hyper-express loads these for bodies and types that the gateway never asks it for: 165 KB of source, 2 MB of memory.
const UNUSED = new Set(["busboy", "mime-types", "type-is"]);

/** Takes the native addon through our own loader, and leaves out what is not used. @type {import("esbuild").Plugin} */
const serverModules = {
  name: "server-modules",
  setup(context) {
    const ours = { namespace: "server-modules" };
    context.onResolve({ filter: /^(uWebSockets\.js|busboy|mime-types|type-is)$/ }, ({ path }) => ({
      path,
      ...ours,
    }));
    context.onLoad({ filter: /.*/, ...ours }, ({ path }) => {
      if (UNUSED.has(path))
        return { contents: `module.exports = () => { throw new Error("${path} is left out"); };` };
      const loader = JSON.stringify(resolve("src/http/native-addon.ts"));
      return {
        contents: `module.exports = require(${loader}).loadNativeAddon();`,
        resolveDir: resolve("."),
      };
    });
  },
};

/** sha256 of each addon after its fix-up, for the loader. */
function addonHashes() {
  return Object.fromEntries(Object.entries(ADDONS).map(([name, { after }]) => [name, after]));
}

/**
 * @param {string} entry @param {string} outfile
 * @param {{ compact?: boolean, map?: boolean }} options
 *   `compact`: without comments and indentation; `map`: with a source map beside it
 * @returns {Promise<string[]>} the files that went in
 */
async function bundleEntry(entry, outfile, { compact = false, map = false } = {}) {
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));
  const { metafile, outputFiles } = await build({
    entryPoints: [entry],
    outfile,
    metafile: true,
    write: false,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    plugins: [serverModules],
    // The bundle names its files by their path from here, also when node_modules is a link.
    preserveSymlinks: true,
    // Node's globals of these names are getters, asked anew at every use; optimised code takes a constant as it is.
    banner: { js: '"use strict";\nconst { Buffer, performance, process } = globalThis;' },
    // Names as they are and short lines: an uncaught error prints the line it came from, a stack says its functions.
    lineLimit: 180,
    minifyWhitespace: compact,
    ...(map ? { sourcemap: "external" } : {}),
    define: {
      SLUICE_VERSION: JSON.stringify(manifest.version),
      SLUICE_BUILD_DATE: String(buildDate()),
      SLUICE_COMMIT: JSON.stringify(commit()),
      SLUICE_ADDON_SHA256: JSON.stringify(addonHashes()),
    },
    logLevel: "warning",
  });
  // esbuild escapes strings but neither regular expressions nor the comments it keeps, and a single other character
  // makes V8 hold the whole source at two bytes a character: 1.6 MB of memory. An escape means the same everywhere.
  mkdirSync(dirname(outfile), { recursive: true });
  for (const { path, text } of outputFiles)
    writeFileSync(path, path.endsWith(".map") ? text : text.replace(/[^\0-\x7f]/g, escapeCharacter));
  return Object.keys(metafile.inputs);
}

/** One UTF-16 unit as source text. @param {string} character */
const escapeCharacter = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/**
 * The program: dist/sluice.cjs and the notices of what is in it.
 * @param {{ quiet?: boolean, map?: boolean }} options `map`: where each line came from, for profiles, in dist/sluice.cjs.map
 */
export async function bundle({ quiet = false, map = false } = {}) {
  const started = performance.now();
  // V8 keeps the source as long as the program runs: comments and indentation are 0.6 MB of memory.
  const inputs = await bundleEntry("src/main.ts", "dist/sluice.cjs", { compact: true, map });
  writeFileSync("dist/NOTICES", collectNotices(inputs, ["node_modules/uWebSockets.js"]));
  if (!quiet) process.stdout.write(`dist/sluice.cjs in ${Math.round(performance.now() - started)} ms\n`);
}

/** The library's exports as one file. @param {string} outfile */
export async function bundleLibrary(outfile) {
  await bundleEntry("src/index.ts", outfile);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await bundle({ quiet: process.argv.includes("--quiet"), map: process.argv.includes("--map") });
