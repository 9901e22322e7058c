// Writes the container of apk-tools 3 ("ADB"): typed values in one block, a signature block, data blocks, deflated.
// The format is that of apk-tools 3.0 (doc/apk-v3.5.scd, src/adb.h in its sources).
import { createHash, createPublicKey, sign } from "node:crypto";
import { constants, deflateRawSync } from "node:zlib";
import { deflate } from "./gzip.mjs";

const INT = 0x10000000;
const INT_32 = 0x20000000;
const BLOB_8 = 0x80000000;
const BLOB_16 = 0x90000000;
const BLOB_32 = 0xa0000000;
const ARRAY = 0xd0000000;
const OBJECT = 0xe0000000;
const HEADER = 8;
const HASH_SHA512 = 4;

/**
 * A value before it is written: null leaves the field out, an array is a list, an object has its fields by number.
 * @typedef {object} AdbObject
 * @property {Record<number, AdbValue>} fields
 * @typedef {null | number | string | Buffer | AdbObject | AdbList} AdbValue
 * @typedef {object} AdbList
 * @property {AdbValue[]} items
 */

/** @param {Record<number, AdbValue>} fields by their numbers, from 1 @returns {AdbObject} */
export function adbObject(fields) {
  return { fields };
}

/** @param {AdbValue[]} items @returns {AdbValue} null when there are none */
export function adbList(items) {
  return items.length === 0 ? null : { items };
}

/** @param {number} value */
function uint32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

/** Collects values one behind the other; each gets the tag that others refer to it by. */
class ValueWriter {
  /** @type {Buffer[]} */
  parts = [Buffer.alloc(HEADER)];
  length = HEADER;

  /** @param {Buffer} bytes @param {number} alignment @returns {number} offset */
  append(bytes, alignment) {
    const padding = (alignment - (this.length % alignment)) % alignment;
    this.parts.push(Buffer.alloc(padding), bytes);
    const offset = this.length + padding;
    this.length = offset + bytes.length;
    return offset;
  }

  /** @param {Buffer} bytes */
  writeBlob(bytes) {
    const { length } = bytes;
    if (length === 0) return 0;
    if (length <= 0xff) return (BLOB_8 | this.append(Buffer.concat([Buffer.from([length]), bytes]), 1)) >>> 0;
    if (length > 0xffff) return (BLOB_32 | this.append(Buffer.concat([uint32(length), bytes]), 4)) >>> 0;
    const size = Buffer.alloc(2);
    size.writeUInt16LE(length);
    return (BLOB_16 | this.append(Buffer.concat([size, bytes]), 2)) >>> 0;
  }

  /** @param {number} type @param {readonly number[]} tags */
  writeTags(type, tags) {
    // The first word is the number of words, itself included; a trailing null is not written.
    let count = tags.length;
    while (count > 0 && tags[count - 1] === 0) count--;
    if (count === 0) return 0;
    const words = [count + 1, ...tags.slice(0, count)];
    return (type | this.append(Buffer.concat(words.map(uint32)), 4)) >>> 0;
  }

  /** @param {AdbValue} value @returns {number} its tag */
  write(value) {
    if (value === null) return 0;
    if (typeof value === "number")
      return value < 0x10000000 ? (INT | value) >>> 0 : (INT_32 | this.append(uint32(value), 4)) >>> 0;
    if (typeof value === "string") return this.writeBlob(Buffer.from(value));
    if (Buffer.isBuffer(value)) return this.writeBlob(value);
    if ("items" in value)
      return this.writeTags(
        ARRAY,
        value.items.map((item) => this.write(item)),
      );
    const last = Math.max(0, ...Object.keys(value.fields).map(Number));
    const tags = Array.from({ length: last }, (_, index) => this.write(value.fields[index + 1] ?? null));
    return this.writeTags(OBJECT, tags);
  }
}

/** The payload of an ADB block. @param {AdbValue} root @returns {Buffer} */
export function encodeAdb(root) {
  const writer = new ValueWriter();
  const tag = writer.write(root);
  const payload = Buffer.concat(writer.parts);
  payload.writeUInt32LE(tag, 4);
  return payload;
}

/** @param {0 | 1 | 2} type ADB, signature, data @param {readonly Buffer[]} payload @returns {Buffer[]} */
function makeBlock(type, payload) {
  const length = 4 + payload.reduce((sum, part) => sum + part.length, 0);
  return [uint32(type * 2 ** 30 + length), ...payload, Buffer.alloc((8 - (length % 8)) % 8)];
}

/**
 * The content of a signature block: ECDSA on P-256 over the schema, the signature's head and the payload's SHA-512.
 * @param {string} schema @param {Buffer} payload @param {import("node:crypto").KeyObject} privateKey
 */
function signPayload(schema, payload, privateKey) {
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  // The key's number is the hash of the bare uncompressed point, 65 bytes at the end of a P-256 SPKI.
  const id = createHash("sha512").update(spki.subarray(-65)).digest().subarray(0, 16);
  const head = Buffer.concat([Buffer.from([0, HASH_SHA512]), id]);
  const digest = createHash("sha512").update(payload).digest();
  const message = Buffer.concat([Buffer.from(schema, "latin1"), head, digest]);
  return Buffer.concat([head, sign("sha512", message, privateKey)]);
}

/**
 * The contents of a package's files, compressed by themselves: they are the same whatever stands before them.
 * @param {readonly { path: number, file: number, bytes: Buffer }[]} data by the numbers of their folder and file, from 1
 * @returns {Buffer} the end of a container
 */
export function compressData(data) {
  const blocks = data.flatMap(({ path, file, bytes }) => makeBlock(2, [uint32(path), uint32(file), bytes]));
  return deflate(Buffer.concat(blocks));
}

/**
 * A whole container.
 * @param {object} content
 * @param {"pckg" | "indx"} content.schema
 * @param {Buffer} content.payload from `encodeAdb`
 * @param {Buffer} [content.data] from `compressData`
 * @param {import("node:crypto").KeyObject} [content.privateKey] EC P-256; without, it is not signed
 * @returns {Buffer}
 */
export function makeContainer({ schema, payload, data = compressData([]), privateKey }) {
  const parts = [Buffer.from(`ADB.${schema}`, "latin1"), ...makeBlock(0, [payload])];
  if (privateKey) parts.push(...makeBlock(1, [signPayload(schema, payload, privateKey)]));
  // Flushed, not finished: the deflate stream goes on with `data`. OpenWrt's apk has deflate only, no zstd.
  const head = deflateRawSync(Buffer.concat(parts), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([Buffer.from("ADBd"), head, data]);
}
