// Collects the licences of everything that ends up in the bundle, as their terms ask for.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const RULE = `\n${"-".repeat(76)}\n\n`;

/**
 * The folders of the npm packages that files of the bundle came from.
 * @param {readonly string[]} inputs paths as esbuild's metafile names them @returns {string[]} sorted
 */
export function packageFolders(inputs) {
  const folders = new Set();
  for (const input of inputs) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match?.[1]) folders.add(match[1]);
  }
  return [...folders].sort();
}

/** @param {string} folder @returns {string} one package's notice; throws when it names no licence */
export function packageNotice(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const files = readdirSync(folder)
    .filter((name) => /^(licen[cs]e|notice|copying)/i.test(name))
    .sort();
  const license = typeof manifest.license === "string" ? manifest.license : (manifest.license?.type ?? "");
  if (license === "" && files.length === 0)
    throw new Error(`${manifest.name} ${manifest.version} names no licence`);
  const texts = files.map((name) => readFileSync(join(folder, name), "utf8").trim());
  return `${manifest.name} ${manifest.version}${license === "" ? "" : ` (${license})`}\n\n${texts.join("\n\n")}\n`;
}

/**
 * @param {readonly string[]} inputs as for `packageFolders` @param {readonly string[]} extra folders of packages whose files are shipped without being bundled
 */
export function collectNotices(inputs, extra) {
  const folders = new Set([...packageFolders(inputs), ...extra]);
  return `sluice contains these packages:\n${RULE}${[...folders].sort().map(packageNotice).join(RULE)}`;
}

/** The notices of an executable: those of the bundle and Node's own. @param {string} nodeLicense path */
export function executableNotices(nodeLicense) {
  return `${readFileSync("dist/NOTICES", "utf8")}${RULE}Node.js\n\n${readFileSync(nodeLicense, "utf8")}`;
}
