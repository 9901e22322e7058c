// Writes .apk packages (apk-tools 3) and the index packages.adb of a feed (OpenWrt from 25.12).
import { createHash } from "node:crypto";
import { adbList, adbObject, compressData, encodeAdb, makeContainer } from "./adb.mjs";
import { withFolders } from "./tar.mjs";

/** @typedef {import("./ipk.mjs").Package} Package */
/** @typedef {import("./tar.mjs").Entry} Entry */

const UNIQUE_ID_LENGTH = 20;
const LINK_MODE = 0o120000;

/** @param {Buffer | string} bytes */
const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
/** @param {string} path @param {string} text @returns {Entry} */
const file = (path, text) => ({ path, type: "file", mode: 0o644, content: Buffer.from(text) });
/** @param {number} mode */
const acl = (mode) => adbObject({ 1: mode, 2: "root", 3: "root" });

/** What opkg keeps in its control archive lies beside the files here; sysupgrade and the scripts read it. @param {Package} item */
function withMetaFiles(item) {
  const base = `lib/apk/packages/${item.name}`;
  const entries = [...item.entries];
  if (item.user) entries.push(file(`${base}.rusers`, `${item.user}\n`));
  const list = entries.filter((entry) => entry.type !== "folder").map((entry) => `/${entry.path}\n`);
  entries.push(file(`${base}.list`, list.sort().join("")));
  if (item.conffiles.length > 0) {
    const sums = item.conffiles.map((path) => {
      const entry = item.entries.find((candidate) => `/${candidate.path}` === path);
      if (entry?.type !== "file") throw new Error(`conffile ${path} is not in the package`);
      return `${path} ${sha256(entry.content).toString("hex")}\n`;
    });
    entries.push(file(`${base}.conffiles`, `${item.conffiles.join("\n")}\n`));
    entries.push(file(`${base}.conffiles_static`, sums.join("")));
  }
  return withFolders(entries);
}

/** @param {Package} item */
function makeScripts(item) {
  const functions = `[ -s "\${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0
. "\${IPKG_INSTROOT}/lib/functions.sh"
export root="\${IPKG_INSTROOT}"
export pkgname="${item.name}"
`;
  const install = `[ "\${IPKG_NO_SCRIPT}" = "1" ] && exit 0
${functions}add_group_and_user
default_postinst
${item.postInstall ?? ""}`;
  return adbObject({
    3: `#!/bin/sh\n${install}`,
    4: `#!/bin/sh\n${functions}default_prerm\n`,
    7: `#!/bin/sh\nexport PKG_UPGRADE=1\n${install}`,
  });
}

/** @param {Package} item @param {Buffer | null} uniqueId @param {number} size @param {number | null} fileSize */
function makeInfo(item, uniqueId, size, fileSize) {
  return adbObject({
    1: item.name,
    2: item.version,
    3: uniqueId,
    4: item.description.trim(),
    5: item.architecture === "all" ? "noarch" : item.architecture,
    6: item.license,
    7: item.name,
    8: item.maintainer,
    9: item.url ?? null,
    12: size,
    13: fileSize,
    15: adbList([...item.depends].sort().map((name) => adbObject({ 1: name }))),
  });
}

/** @param {Package} item */
export function apkName(item) {
  return `${item.name}-${item.version}.apk`;
}

/**
 * The files of a package: their description, and their contents compressed. Independent of the architecture's name.
 * @typedef {{ paths: import("./adb.mjs").AdbValue, data: Buffer, size: number }} Files
 * @param {Package} item @returns {Files}
 */
export function packApkFiles(item) {
  const entries = withMetaFiles(item);
  /** @type {{ path: number, file: number, bytes: Buffer }[]} */
  const data = [];
  let size = 0;
  /** @param {Entry} entry @param {string} name @param {number} path @param {number} file */
  const describe = (entry, name, path, file) => {
    if (entry.type === "link") {
      const mode = Buffer.alloc(2);
      mode.writeUInt16LE(LINK_MODE);
      const target = Buffer.concat([mode, Buffer.from(entry.target)]);
      return adbObject({ 1: name, 2: acl(0o777), 4: item.time, 6: target });
    }
    if (entry.type !== "file") throw new Error(`${entry.path} is a folder`);
    size += entry.content.length;
    if (entry.content.length > 0) data.push({ path, file, bytes: entry.content });
    const hash = sha256(entry.content);
    return adbObject({ 1: name, 2: acl(entry.mode), 3: entry.content.length, 4: item.time, 5: hash });
  };
  /** @type {{ path: string, mode: number }[]} */
  const folders = [{ path: "", mode: 0o755 }];
  for (const entry of entries) if (entry.type === "folder") folders.push(entry);
  const paths = folders.map((folder, index) => {
    const prefix = folder.path === "" ? "" : `${folder.path}/`;
    const inside = entries.filter(
      ({ type, path }) =>
        type !== "folder" && path.startsWith(prefix) && !path.slice(prefix.length).includes("/"),
    );
    const files = inside.map((entry, at) =>
      describe(entry, entry.path.slice(prefix.length), index + 1, at + 1),
    );
    return adbObject({ 1: folder.path, 2: acl(folder.mode), 3: adbList(files) });
  });
  return { paths: adbList(paths), data: compressData(data), size };
}

/**
 * @param {Package} item @param {Files} files from `packApkFiles` @param {import("node:crypto").KeyObject} [privateKey] EC P-256
 * @returns {{ apk: Buffer, indexEntry: import("./adb.mjs").AdbObject }}
 */
export function makeApk(item, files, privateKey) {
  const { paths, data, size } = files;
  /** @param {Buffer} uniqueId */
  const encode = (uniqueId) =>
    encodeAdb(adbObject({ 1: makeInfo(item, uniqueId, size, null), 2: paths, 3: makeScripts(item) }));
  // The package's name for itself is the hash of its description with this field zero.
  const uniqueId = sha256(encode(Buffer.alloc(UNIQUE_ID_LENGTH))).subarray(0, UNIQUE_ID_LENGTH);
  const payload = encode(uniqueId);
  const apk = makeContainer({ schema: "pckg", payload, data, ...(privateKey ? { privateKey } : {}) });
  const identity = sha256(payload).subarray(0, UNIQUE_ID_LENGTH);
  return { apk, indexEntry: makeInfo(item, identity, size, apk.length) };
}

/**
 * The index packages.adb.
 * @param {readonly import("./adb.mjs").AdbObject[]} entries from `makeApk`
 * @param {{ description: string, privateKey?: import("node:crypto").KeyObject | undefined }} options
 */
export function makeApkIndex(entries, { description, privateKey }) {
  const payload = encodeAdb(adbObject({ 1: description, 2: adbList([...entries]) }));
  return makeContainer({ schema: "indx", payload, ...(privateKey ? { privateKey } : {}) });
}
