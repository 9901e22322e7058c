// Writes and reads tar archives that are the same bytes for the same content: owner 0:0, one time stamp, given order.

/**
 * One thing of a package. Paths are relative, without "./".
 * @typedef {{ path: string, type: "file", mode: number, content: Buffer }
 *   | { path: string, type: "folder", mode: number }
 *   | { path: string, type: "link", target: string }} Entry
 */

const BLOCK = 512;
const TYPES = { file: "0", link: "2", folder: "5" };
const NAME_LENGTH = 100;

/** @param {Buffer} header @param {number} at @param {number} length @param {number} value */
function writeOctal(header, at, length, value) {
  header.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
}

/** @param {Entry} entry @param {string} name @param {number} time seconds since 1970 */
function makeHeader(entry, name, time) {
  const target = entry.type === "link" ? entry.target : "";
  if (Buffer.byteLength(name) > NAME_LENGTH || Buffer.byteLength(target) > NAME_LENGTH)
    throw new Error(`name too long for tar: ${name}`);
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0);
  writeOctal(header, 100, 8, entry.type === "link" ? 0o777 : entry.mode);
  writeOctal(header, 108, 8, 0);
  writeOctal(header, 116, 8, 0);
  writeOctal(header, 124, 12, entry.type === "file" ? entry.content.length : 0);
  writeOctal(header, 136, 12, time);
  header.fill(" ", 148, 156);
  header.write(TYPES[entry.type], 156);
  header.write(target, 157);
  // The GNU form of the magic, as OpenWrt's own tools write it.
  header.write("ustar  \0", 257, "latin1");
  header.write("root", 265);
  header.write("root", 297);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/**
 * @param {readonly Entry[]} entries @param {{ time: number, prefix?: string }} options `prefix` stands before each name
 * @returns {Buffer}
 */
export function writeTar(entries, { time, prefix = "" }) {
  const parts = [];
  for (const entry of entries) {
    const name = prefix + entry.path + (entry.type === "folder" && entry.path !== "" ? "/" : "");
    parts.push(makeHeader(entry, name, time));
    if (entry.type !== "file") continue;
    parts.push(entry.content, Buffer.alloc((BLOCK - (entry.content.length % BLOCK)) % BLOCK));
  }
  parts.push(Buffer.alloc(2 * BLOCK));
  const tar = Buffer.concat(parts);
  // tar pads to records of 20 blocks.
  const record = 20 * BLOCK;
  return Buffer.concat([tar, Buffer.alloc((record - (tar.length % record)) % record)]);
}

/**
 * Adds the folders that the paths of `entries` need, and sorts: parents come before what is in them.
 * @param {readonly Entry[]} entries @returns {Entry[]}
 */
export function withFolders(entries) {
  const all = new Map(entries.map((entry) => [entry.path, entry]));
  for (const { path } of entries) {
    const parts = path.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join("/");
      if (!all.has(folder)) all.set(folder, { path: folder, type: "folder", mode: 0o755 });
    }
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
