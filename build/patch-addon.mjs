// Makes the prebuilt native addon load on glibc 2.36 and 2.37 (Debian 12, Raspberry Pi OS 12); runs after `npm install` and in the build.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The only files this script touches: sha256 as published and after the fix-up, by `<arch>_<abi>` (ABI 115 = Node 20, 127 = 22, 137 = 24). */
export const ADDONS = Object.freeze({
  x64_115: {
    before: "5b126ee00bf754b02e97e4c27090365a8562c5820c93f93918ac2212d4503e91",
    after: "d1156432c696075e653325e7d7a784796db200923221e1e4a36293d15d724e32",
  },
  x64_127: {
    before: "4b55b1f2cb7a7913febbb65a89496412b96af77e838552980092ba6b33723aac",
    after: "f1608f301188933e79a50cf7d219a30ee83814aaba5e400e37c10eb9be7958db",
  },
  x64_137: {
    before: "98128405dba2fb608448e921a979530f70c946a2cc9889c15f2fa70c2d00ab05",
    after: "337e7312c83b0df8accbe2446055c1e663ef14824712a055dfb8c34852cd8d69",
  },
  arm64_115: {
    before: "6bdbc8ff976b4371af1906175e9025804bacc38a414969f4f02314e6b99f206c",
    after: "c2d1ed56dd649fa070edc7f40ab7f001220b779a25ccf74b4668956815add011",
  },
  arm64_127: {
    before: "82b79bd18d1e3563de336156005bd01b7f39fc387b65173d69a29da4ee79f895",
    after: "2c554a4acaef582e6cff58bbe9d555749d492153167e06c38721e39fd4f467ae",
  },
  arm64_137: {
    before: "88618b30ddf6b2b62310db89f40a701616676352aac5e0f6184dd8ef876199ce",
    after: "c52f98e37763f821adfd7a24445de06c5941db0bb99b92fd2ac06d5f65cd50f8",
  },
});

const VERSION = "GLIBC_2.38";
const PREFIX = "__isoc23_";
const BASE_VERSION = new Map([
  [62, "GLIBC_2.2.5"], // EM_X86_64
  [183, "GLIBC_2.17"], // EM_AARCH64
]);
const SHT_DYNSYM = 11;
const SHT_GNU_VERNEED = 0x6ffffffe;
const SHT_GNU_VERSYM = 0x6fffffff;
const VER_FLG_WEAK = 2;

/** @param {Uint8Array} bytes */
export function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * @param {Buffer} elf
 * @returns {{ type: number, offset: number, size: number, link: number, info: number }[]}
 */
function readSections(elf) {
  const start = Number(elf.readBigUInt64LE(40));
  const entrySize = elf.readUInt16LE(58);
  return Array.from({ length: elf.readUInt16LE(60) }, (_, index) => {
    const at = start + index * entrySize;
    return {
      type: elf.readUInt32LE(at + 4),
      offset: Number(elf.readBigUInt64LE(at + 24)),
      size: Number(elf.readBigUInt64LE(at + 32)),
      link: elf.readUInt32LE(at + 40),
      info: elf.readUInt32LE(at + 44),
    };
  });
}

/** @param {Buffer} elf @param {number} offset */
function readName(elf, offset) {
  return elf.toString("latin1", offset, elf.indexOf(0, offset));
}

/**
 * The version index of every libc.so.6 version the file asks for, and where its entry stands.
 * @param {Buffer} elf @param {{ offset: number, info: number }} section @param {number} strings
 * @returns {Map<string, { index: number, at: number }>}
 */
function readLibcVersions(elf, section, strings) {
  const versions = new Map();
  let file = section.offset;
  for (let i = 0; i < section.info; i++) {
    if (readName(elf, strings + elf.readUInt32LE(file + 4)) === "libc.so.6") {
      let at = file + elf.readUInt32LE(file + 8);
      for (let count = elf.readUInt16LE(file + 2); count > 0; count--) {
        versions.set(readName(elf, strings + elf.readUInt32LE(at + 8)), {
          index: elf.readUInt16LE(at + 6),
          at,
        });
        at += elf.readUInt32LE(at + 12);
      }
    }
    file += elf.readUInt32LE(file + 12);
  }
  return versions;
}

/**
 * Points each `__isoc23_strtol@GLIBC_2.38` and its like at the plain C name in libc's base version, and makes the
 * need for GLIBC_2.38 weak. The two functions differ only in accepting binary literals. Returns a new buffer.
 * Throws when the file asks 2.38 for anything else.
 * @param {Buffer} original an ELF64 little-endian shared object
 * @returns {Buffer}
 */
export function patchElf(original) {
  const elf = Buffer.from(original);
  if (elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1)
    throw new Error("not a 64-bit little-endian ELF file");
  const sections = readSections(elf);
  const symbols = sections.find((section) => section.type === SHT_DYNSYM);
  const needs = sections.find((section) => section.type === SHT_GNU_VERNEED);
  const versionOf = sections.find((section) => section.type === SHT_GNU_VERSYM);
  const strings = symbols && sections[symbols.link];
  if (!symbols || !needs || !versionOf || !strings) throw new Error("no versioned dynamic symbols");
  const versions = readLibcVersions(elf, needs, strings.offset);
  const unwanted = versions.get(VERSION);
  const base = versions.get(BASE_VERSION.get(elf.readUInt16LE(18)) ?? "");
  if (!unwanted) return elf;
  if (!base) throw new Error("libc.so.6 has no base version in this file");
  for (let i = 0; i < symbols.size / 24; i++) {
    const versionAt = versionOf.offset + i * 2;
    if (elf.readUInt16LE(versionAt) !== unwanted.index) continue;
    const symbolAt = symbols.offset + i * 24;
    const nameAt = elf.readUInt32LE(symbolAt);
    const name = readName(elf, strings.offset + nameAt);
    if (!name.startsWith(PREFIX)) throw new Error(`${name} needs ${VERSION}`);
    // The C name is the tail of the string that is there.
    elf.writeUInt32LE(nameAt + PREFIX.length, symbolAt);
    elf.writeUInt16LE(base.index, versionAt);
  }
  elf.writeUInt16LE(VER_FLG_WEAK, unwanted.at + 4);
  return elf;
}

/**
 * Patches one addon into `target` (which may be the same file). Throws for a file whose hash is not known.
 * @param {string} source @param {string} [target]
 * @returns {"patched" | "already patched"}
 */
export function patchAddon(source, target = source) {
  const bytes = readFileSync(source);
  const hash = sha256(bytes);
  const known = Object.values(ADDONS).find((addon) => addon.before === hash || addon.after === hash);
  if (!known) throw new Error(`${source}: unknown file (sha256 ${hash}), left as it is`);
  const done = known.after === hash;
  if (done && source === target) return "already patched";
  const result = done ? bytes : patchElf(bytes);
  if (sha256(result) !== known.after)
    throw new Error(`${source}: the fix-up gave an unexpected result, left as it is`);
  // A rename, so that a process which has the old file mapped keeps its pages.
  writeFileSync(`${target}.new`, result, { mode: 0o755 });
  renameSync(`${target}.new`, target);
  return done ? "already patched" : "patched";
}

/** Patches every known addon of the installed package. A failure is told and never ends the installation: the node engine serves then. */
function patchInstalled() {
  for (const name of Object.keys(ADDONS)) {
    const file = join("node_modules", "uWebSockets.js", `uws_linux_${name}.node`);
    if (!existsSync(file)) continue;
    try {
      process.stdout.write(`${file}: ${patchAddon(file)}\n`);
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? error.message : error}; the node engine will serve\n`);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) patchInstalled();
