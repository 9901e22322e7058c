// Packs the npm package: the bundle, the library with its types, the addons for the shipped Node; no dependencies,
// because npm's overrides (which replace a package that is on GitHub only) do not reach those who install it.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle, bundleLibrary } from "./bundle.mjs";
import { patchAddon } from "./patch-addon.mjs";
import { ARCHS, addonFile } from "./runtime.mjs";

const STAGE = "dist/npm";
const LIBRARY = "src/index.ts";

/** The library's types, with import names that TypeScript finds in declarations. */
function writeTypes() {
  const types = join(STAGE, "types");
  execFileSync("node_modules/.bin/tsc", [
    ...["--outDir", types, "--rootDir", "src", "--declaration", "--emitDeclarationOnly", "--noEmit", "false"],
    ...["--target", "ES2022", "--lib", "ES2023", "--module", "ESNext", "--moduleResolution", "Bundler"],
    ...["--allowImportingTsExtensions", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck"],
    ...["--types", "node", LIBRARY],
  ]);
  for (const name of readdirSync(types, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".d.ts")) continue;
    const file = join(types, name);
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace(RELATIVE, '$1.js"'));
  }
  const kept = new Set();
  keepTypes(join(types, "index.d.ts"), kept);
  for (const name of readdirSync(types, { recursive: true, encoding: "utf8" })) {
    const file = join(types, name);
    if (name.endsWith(".d.ts") && !kept.has(file)) rmSync(file);
  }
  for (const name of readdirSync(types))
    if (isEmpty(join(types, name))) rmSync(join(types, name), { recursive: true });
}

/** A relative import in a declaration, up to its extension. */
const RELATIVE = /((?:from|import\()\s*"\.[^"]*)\.ts"/g;

/** Declarations of what the library's own do not name would only be weight. @param {string} file @param {Set<string>} kept */
function keepTypes(file, kept) {
  if (kept.has(file)) return;
  kept.add(file);
  for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/(?:from|import\()\s*"(\.[^"]*)\.js"/g))
    keepTypes(join(dirname(file), `${name}.d.ts`), kept);
}

/** True for a folder without files. @param {string} path @returns {boolean} */
function isEmpty(path) {
  if (!statSync(path).isDirectory()) return false;
  return readdirSync(path).every((name) => isEmpty(join(path, name)));
}

async function main() {
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));
  rmSync(STAGE, { recursive: true, force: true });
  mkdirSync(STAGE, { recursive: true });
  await bundle({ quiet: true });
  const program = readFileSync("dist/sluice.cjs", "utf8").replace(/^#!.*\n/, "");
  writeFileSync(join(STAGE, "sluice.cjs"), `#!/usr/bin/env node\n${program}`, { mode: 0o755 });
  copyFileSync("dist/NOTICES", join(STAGE, "NOTICES"));
  for (const name of ["README.md", "LICENSE"]) if (existsSync(name)) copyFileSync(name, join(STAGE, name));
  for (const arch of ARCHS)
    patchAddon(join("node_modules/uWebSockets.js", addonFile(arch)), join(STAGE, addonFile(arch)));
  const hasLibrary = existsSync(LIBRARY);
  if (hasLibrary) {
    await bundleLibrary(join(STAGE, "index.cjs"));
    writeTypes();
  }
  const { name, version, description, license, engines } = manifest;
  const published = {
    ...{ name, version, description, license, engines },
    bin: { sluice: "sluice.cjs" },
    ...(hasLibrary
      ? {
          main: "index.cjs",
          types: "types/index.d.ts",
          exports: {
            ".": { types: "./types/index.d.ts", default: "./index.cjs" },
            "./package.json": "./package.json",
          },
        }
      : {}),
    dependencies: {},
  };
  writeFileSync(join(STAGE, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
  const packed = execFileSync("npm", ["pack", "--silent", "--pack-destination", "..", "."], {
    cwd: STAGE,
    encoding: "utf8",
  });
  process.stdout.write(`dist/${packed.trim()}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
