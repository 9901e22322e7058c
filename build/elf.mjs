// Edits ELF64 executables with Node alone: drops symbols, and points a program at a loader and a library folder of its own.

const SHF_ALLOC = 2;
const SHT_NULL = 0;
const SHT_STRTAB = 3;
const SHT_NOBITS = 8;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PF_W = 2;
const DT_NULL = 0;
const DT_STRTAB = 5;
const DT_RPATH = 15;
const DT_RUNPATH = 29;
const SECTION_SIZE = 64;
const DYNAMIC_SIZE = 16;
// The smallest page of any kernel that runs the program: bytes up to the next multiple are mapped anyway.
const PAGE = 4096;

/**
 * @typedef {{ at: number, name: number, type: number, flags: number, offset: number, size: number }} Section
 * @typedef {{ at: number, type: number, flags: number, offset: number, address: number, fileSize: number, memorySize: number }} Segment
 */

/** @param {Buffer} elf @param {number} at */
const readNumber = (elf, at) => Number(elf.readBigUInt64LE(at));
/** @param {Buffer} elf @param {number} value @param {number} at */
const writeNumber = (elf, value, at) => elf.writeBigUInt64LE(BigInt(value), at);

/** @param {Buffer} elf */
function checkElf(elf) {
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1)
    throw new Error("not a 64-bit little-endian ELF file");
}

/** @param {Buffer} elf @returns {Section[]} */
function readSections(elf) {
  const start = readNumber(elf, 40);
  return Array.from({ length: elf.readUInt16LE(60) }, (_, index) => {
    const at = start + index * SECTION_SIZE;
    return {
      at,
      name: elf.readUInt32LE(at),
      type: elf.readUInt32LE(at + 4),
      flags: readNumber(elf, at + 8),
      offset: readNumber(elf, at + 24),
      size: readNumber(elf, at + 32),
    };
  });
}

/** @param {Buffer} elf @returns {Segment[]} */
export function readSegments(elf) {
  checkElf(elf);
  const start = readNumber(elf, 32);
  const size = elf.readUInt16LE(54);
  return Array.from({ length: elf.readUInt16LE(56) }, (_, index) => {
    const at = start + index * size;
    return {
      at,
      type: elf.readUInt32LE(at),
      flags: elf.readUInt32LE(at + 4),
      offset: readNumber(elf, at + 8),
      address: readNumber(elf, at + 16),
      fileSize: readNumber(elf, at + 32),
      memorySize: readNumber(elf, at + 40),
    };
  });
}

/**
 * Drops every section that is not loaded (symbols, debug information), as `strip` does. Must come before the
 * single-executable blob is injected: stripping afterwards breaks the file. Returns a new buffer.
 * @param {Buffer} elf @returns {Buffer}
 */
export function stripElf(elf) {
  checkElf(elf);
  const sections = readSections(elf);
  const kept = sections.filter((section, index) => index === 0 || (section.flags & SHF_ALLOC) !== 0);
  // sh_link and sh_info are indexes: they stay true as long as nothing is taken out in the middle.
  if (kept.some((section, index) => sections[index] !== section))
    throw new Error("a section that is not loaded stands between loaded ones");
  const end = Math.max(
    ...kept.map((section) => section.offset + (section.type === SHT_NOBITS ? 0 : section.size)),
    ...readSegments(elf).map((segment) => segment.offset + segment.fileSize),
  );
  const oldNames = sections[elf.readUInt16LE(62)];
  if (oldNames === undefined) throw new Error("no section names");
  let names = "\0";
  const headers = Buffer.alloc((kept.length + 1) * SECTION_SIZE);
  for (const [index, section] of kept.entries()) {
    elf.copy(headers, index * SECTION_SIZE, section.at, section.at + SECTION_SIZE);
    if (section.type === SHT_NULL) continue;
    const nameAt = oldNames.offset + section.name;
    headers.writeUInt32LE(names.length, index * SECTION_SIZE);
    names += `${elf.toString("latin1", nameAt, elf.indexOf(0, nameAt))}\0`;
  }
  const last = kept.length * SECTION_SIZE;
  headers.writeUInt32LE(names.length, last);
  names += ".shstrtab\0";
  headers.writeUInt32LE(SHT_STRTAB, last + 4);
  writeNumber(headers, end, last + 24);
  writeNumber(headers, names.length, last + 32);
  writeNumber(headers, 1, last + 48);
  const padding = Buffer.alloc((8 - ((end + names.length) % 8)) % 8);
  const result = Buffer.concat([elf.subarray(0, end), Buffer.from(names, "latin1"), padding, headers]);
  writeNumber(result, end + names.length + padding.length, 40);
  result.writeUInt16LE(kept.length + 1, 60);
  result.writeUInt16LE(kept.length, 62);
  return result;
}

/**
 * Puts a string into a hole between what the file uses, in a place that is mapped read-only. Where the hole is
 * differs by architecture: behind a segment, in the rest of its last page, or behind the program headers that the
 * injection has moved.
 * @param {Buffer} elf @param {string} text @param {number} above address that must lie before it
 * @returns {{ offset: number, address: number }}
 */
function placeString(elf, text, above) {
  const size = Buffer.byteLength(text) + 1;
  const table = readNumber(elf, 32);
  const used = [
    { offset: table, end: table + elf.readUInt16LE(54) * elf.readUInt16LE(56) },
    ...readSections(elf)
      .filter((section) => (section.flags & SHF_ALLOC) !== 0 && section.type !== SHT_NOBITS)
      .map((section) => ({ offset: section.offset, end: section.offset + section.size })),
  ];
  for (const segment of readSegments(elf)) {
    if (segment.type !== PT_LOAD || (segment.flags & PF_W) !== 0) continue;
    const segmentEnd = segment.offset + segment.fileSize;
    const mappedEnd = segmentEnd + ((PAGE - (segmentEnd % PAGE)) % PAGE);
    for (const { end } of used) {
      const address = segment.address + end - segment.offset;
      if (end < segment.offset || end + size > mappedEnd || address < above) continue;
      if (used.some((other) => other.offset < end + size && other.end > end)) continue;
      if (elf.subarray(end, end + size).some((byte) => byte !== 0)) continue;
      elf.write(`${text}\0`, end, "latin1");
      const longer = Math.max(segment.fileSize, end + size - segment.offset);
      writeNumber(elf, longer, segment.at + 32);
      writeNumber(elf, Math.max(segment.memorySize, longer), segment.at + 40);
      return { offset: end, address };
    }
  }
  throw new Error(`no room for ${text}`);
}

/**
 * Gives a program its own dynamic loader and the folder of its libraries (DT_RPATH, which also holds for what it
 * opens later). Works in place and after the blob was injected; the file does not grow. Returns the same buffer.
 * @param {Buffer} elf @param {{ interpreter: string, libraryFolder: string }} paths absolute paths on the target
 * @returns {Buffer}
 */
export function setLoader(elf, paths) {
  const segments = readSegments(elf);
  const interpreter = segments.find((segment) => segment.type === PT_INTERP);
  const dynamic = segments.find((segment) => segment.type === PT_DYNAMIC);
  if (!interpreter || !dynamic) throw new Error("not a dynamically linked program");

  const entries = [];
  for (let at = dynamic.offset; readNumber(elf, at) !== DT_NULL; at += DYNAMIC_SIZE) entries.push(at);
  if (entries.some((at) => [DT_RPATH, DT_RUNPATH].includes(readNumber(elf, at))))
    throw new Error("it has a library folder already");
  const stringTable = entries.find((at) => readNumber(elf, at) === DT_STRTAB);
  if (stringTable === undefined) throw new Error("no dynamic string table");
  const strings = readNumber(elf, stringTable + 8);
  const end = dynamic.offset + entries.length * DYNAMIC_SIZE;
  // Linkers leave some empty entries; one becomes DT_RPATH, the next one ends the table.
  if (elf.subarray(end, end + 2 * DYNAMIC_SIZE).some((byte) => byte !== 0))
    throw new Error("no spare entry in the dynamic section");

  // One string, cut in two: placing the second one would find the first one's bytes in use.
  const place = placeString(elf, `${paths.libraryFolder}\0${paths.interpreter}`, strings);
  writeNumber(elf, DT_RPATH, end);
  writeNumber(elf, place.address - strings, end + 8);
  const size = Math.max(dynamic.fileSize, (entries.length + 2) * DYNAMIC_SIZE);
  writeNumber(elf, size, dynamic.at + 32);
  writeNumber(elf, size, dynamic.at + 40);

  const skip = paths.libraryFolder.length + 1;
  writeNumber(elf, place.offset + skip, interpreter.at + 8);
  writeNumber(elf, place.address + skip, interpreter.at + 16);
  writeNumber(elf, place.address + skip, interpreter.at + 24);
  writeNumber(elf, paths.interpreter.length + 1, interpreter.at + 32);
  writeNumber(elf, paths.interpreter.length + 1, interpreter.at + 40);
  return elf;
}
