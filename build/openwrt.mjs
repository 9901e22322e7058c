// Builds the OpenWrt feeds below dist/openwrt: .ipk with their index (up to 24.10), .apk with theirs (from 25.12), and
// the archives that openwrt/Makefile unpacks.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { apkName, makeApk, makeApkIndex, packApkFiles } from "./apk.mjs";
import { bundle } from "./bundle.mjs";
import { makeExecutable } from "./exe.mjs";
import { publicFeedKeys, readFeedKeys } from "./feed-key.mjs";
import { gzip } from "./gzip.mjs";
import { ipkName, makeIpk, makePackagesIndex, packIpkFiles } from "./ipk.mjs";
import { fetchNode } from "./node-binary.mjs";
import { executableNotices } from "./notices.mjs";
import { luciPackage, programFiles, sluicePackage } from "./openwrt-contents.mjs";
import { patchAddon, sha256 } from "./patch-addon.mjs";
import { ARCHS, addonFile, NODE_SHA256, NODE_VERSION } from "./runtime.mjs";
import { withFolders, writeTar } from "./tar.mjs";
import { usignSign } from "./usign.mjs";

/** @typedef {import("./ipk.mjs").Package} Package */

const OUT = "dist/openwrt";
const STAGE = ".cache/openwrt";

/** opkg's and apk's architecture names; the arm64 program is the same under each. */
const ARCHITECTURES = {
  x64: ["x86_64"],
  arm64: ["aarch64_generic", "aarch64_cortex-a53", "aarch64_cortex-a72", "aarch64_cortex-a76"],
};

/** The date of every file: $SOURCE_DATE_EPOCH, else that of the commit, else 2000-01-01. @returns {number} seconds since 1970 */
function sourceDate() {
  const given = process.env["SOURCE_DATE_EPOCH"];
  if (given) return Number(given);
  try {
    return Number(
      execFileSync("git", ["log", "-1", "--format=%ct"], { stdio: ["ignore", "pipe", "ignore"] }),
    );
  } catch {
    return 946684800;
  }
}

/** @param {string} folder @param {string} name @param {Buffer | string} content */
function write(folder, name, content) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), content);
  process.stdout.write(`${join(folder, name)}  ${Buffer.byteLength(content)} bytes\n`);
}

/**
 * @param {string} architecture @param {readonly { item: Package, files: Buffer }[]} packages
 * @param {import("./feed-key.mjs").FeedKeys | null} keys
 */
function writeIpkFeed(architecture, packages, keys) {
  const folder = join(OUT, "ipk", architecture);
  const made = packages.map(({ item, files }) => ({ fileName: ipkName(item), ...makeIpk(item, files) }));
  for (const { fileName, ipk } of made) write(folder, fileName, ipk);
  const index = Buffer.from(makePackagesIndex(made));
  write(folder, "Packages", index);
  write(folder, "Packages.gz", gzip(index));
  if (keys) write(folder, "Packages.sig", usignSign(keys.usign, index));
}

/**
 * @param {string} architecture @param {readonly { item: Package, files: import("./apk.mjs").Files }[]} packages
 * @param {import("./feed-key.mjs").FeedKeys | null} keys
 */
function writeApkFeed(architecture, packages, keys) {
  const folder = join(OUT, "apk", architecture);
  const entries = packages.map(({ item, files }) => {
    const { apk, indexEntry } = makeApk(item, files, keys?.apk);
    write(folder, apkName(item), apk);
    return indexEntry;
  });
  const description = `sluice for ${architecture}`;
  write(folder, "packages.adb", makeApkIndex(entries, { description, privateKey: keys?.apk }));
}

async function main() {
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));
  const time = sourceDate();
  const keys = readFeedKeys();
  if (!keys) process.stderr.write("warning: no keys (npm run feed:key): the feeds are not signed\n");
  rmSync(OUT, { recursive: true, force: true });
  rmSync(STAGE, { recursive: true, force: true });
  mkdirSync(STAGE, { recursive: true });
  if (keys) {
    const { opkg, apk } = publicFeedKeys(keys);
    write(join(OUT, "keys"), opkg.name, opkg.text);
    write(join(OUT, "keys"), apk.name, apk.text);
  }
  await bundle({ quiet: true });
  const luci = luciPackage(manifest, time);
  const luciIpk = packIpkFiles(luci);
  const luciApk = packApkFiles(luci);
  const hashes = [];
  for (const arch of ARCHS) {
    const { license } = await fetchNode({ version: NODE_VERSION, arch, sha256: NODE_SHA256[arch] });
    const notices = executableNotices(license);
    const executable = join(STAGE, `sluice-${arch}`);
    const addon = join(STAGE, `uws-${arch}.node`);
    await makeExecutable(arch, { output: executable, withAddon: false });
    patchAddon(join("node_modules/uWebSockets.js", addonFile(arch)), addon);
    const program = await programFiles(arch, { executable, addon, notices });
    const archive = gzip(writeTar(withFolders(program), { time }));
    const archiveName = `sluice-${manifest.version}-openwrt-${arch}.tar.gz`;
    write(OUT, archiveName, archive);
    hashes.push(`SLUICE_HASH_${arch}:=${sha256(archive)}\n`);
    const items = ARCHITECTURES[arch].map((name) => sluicePackage(manifest, time, name, program));
    const [first] = items;
    if (!first) throw new Error(`no architecture name for ${arch}`);
    const ipkFiles = packIpkFiles(first);
    const apkFiles = packApkFiles(first);
    for (const item of items) {
      const { architecture } = item;
      writeIpkFeed(
        architecture,
        [
          { item, files: ipkFiles },
          { item: luci, files: luciIpk },
        ],
        keys,
      );
      writeApkFeed(
        architecture,
        [
          { item, files: apkFiles },
          { item: luci, files: luciApk },
        ],
        keys,
      );
    }
  }
  write(OUT, "hashes.mk", `SLUICE_VERSION:=${manifest.version}\n${hashes.join("")}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
