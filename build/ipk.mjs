// Writes .ipk packages and the index of an opkg feed (OpenWrt up to 24.10).
import { createHash } from "node:crypto";
import { gzip } from "./gzip.mjs";
import { withFolders, writeTar } from "./tar.mjs";

/**
 * A package, before it gets a format. The scripts of both formats come from here too.
 * @typedef {object} Package
 * @property {string} name
 * @property {string} version e.g. 0.1.0-r1
 * @property {string} architecture opkg's name; "all" for any
 * @property {string} description
 * @property {string} section
 * @property {string} license
 * @property {string} [url]
 * @property {string} maintainer
 * @property {string[]} depends
 * @property {string} [user] OpenWrt's Require-User, name=uid:group=gid
 * @property {string[]} conffiles absolute paths
 * @property {import("./tar.mjs").Entry[]} entries
 * @property {string} [postInstall] shell lines that follow OpenWrt's own steps
 * @property {number} time seconds since 1970, the date of every file
 */

/** @param {string} path @param {string} text @param {number} [mode] @returns {import("./tar.mjs").Entry} */
const file = (path, text, mode = 0o644) => ({ path, type: "file", mode, content: Buffer.from(text) });

/** @param {Package} item */
function controlFields(item) {
  let size = 0;
  for (const entry of item.entries) if (entry.type === "file") size += entry.content.length;
  const fields = {
    Package: item.name,
    Version: item.version,
    Depends: item.depends.join(", "),
    Section: item.section,
    SourceName: item.name,
    URL: item.url ?? "",
    License: item.license,
    "Require-User": item.user ?? "",
    SourceDateEpoch: String(item.time),
    Maintainer: item.maintainer,
    Architecture: item.architecture,
    "Installed-Size": String(size),
    // Last, because the index puts its own fields before it; continuation lines begin with a space.
    Description: item.description.trim().replace(/\n/g, "\n "),
  };
  return Object.entries(fields)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name}: ${value}\n`)
    .join("");
}

/** @type {import("./tar.mjs").Entry} */
const ROOT = { path: "", type: "folder", mode: 0o755 };

/** @param {readonly import("./tar.mjs").Entry[]} entries @param {number} time */
const pack = (entries, time) => gzip(writeTar(entries, { time, prefix: "./" }));

/** The files of a package. Independent of the architecture's name. @param {Package} item @returns {Buffer} */
export function packIpkFiles(item) {
  return pack([ROOT, ...withFolders(item.entries)], item.time);
}

/**
 * @param {Package} item @param {Buffer} files from `packIpkFiles`
 * @returns {{ control: string, ipk: Buffer }}
 */
export function makeIpk(item, files) {
  const control = controlFields(item);
  const functions = `[ -s "\${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0\n. "\${IPKG_INSTROOT}/lib/functions.sh"\n`;
  /** @type {import("./tar.mjs").Entry[]} */
  const meta = [
    ROOT,
    file("control", control),
    file(
      "postinst",
      `#!/bin/sh\n[ "\${IPKG_NO_SCRIPT}" = "1" ] && exit 0\n${functions}default_postinst "$0" "$@"\n${item.postInstall ?? ""}`,
      0o755,
    ),
    file("prerm", `#!/bin/sh\n${functions}default_prerm "$0" "$@"\n`, 0o755),
  ];
  if (item.conffiles.length > 0) meta.splice(1, 0, file("conffiles", `${item.conffiles.join("\n")}\n`));
  const ipk = pack(
    [
      file("debian-binary", "2.0\n"),
      { path: "data.tar.gz", type: "file", mode: 0o644, content: files },
      { path: "control.tar.gz", type: "file", mode: 0o644, content: pack(meta, item.time) },
    ],
    item.time,
  );
  return { control, ipk };
}

/** @param {Package} item */
export function ipkName(item) {
  return `${item.name}_${item.version}_${item.architecture}.ipk`;
}

/**
 * The index `Packages`: each package's control with the file's name, size and hash before its description.
 * @param {readonly { control: string, fileName: string, ipk: Buffer }[]} packages
 */
export function makePackagesIndex(packages) {
  const entries = [...packages].sort((a, b) => (a.fileName < b.fileName ? -1 : 1));
  return entries
    .map(({ control, fileName, ipk }) => {
      const hash = createHash("sha256").update(ipk).digest("hex");
      const extra = `Filename: ${fileName}\nSize: ${ipk.length}\nSHA256sum: ${hash}\n`;
      return `${control.replace(/^Description: /m, `${extra}Description: `)}\n`;
    })
    .join("");
}
