/** Reads packages and indexes of apk-tools 3, written from the format's description and without the writer in build/. */
import { createHash, type KeyObject, verify } from "node:crypto";
import { inflateRawSync } from "node:zlib";

interface Container {
  readonly schema: string;
  /** The typed values. */
  readonly payload: Buffer;
  readonly signatures: readonly Buffer[];
  readonly data: readonly { readonly path: number; readonly file: number; readonly content: Buffer }[];
}

/** A decoded value: null, number, bytes, or the fields of an object or list, counted from 1 (index 0 is unused). */
type Value = null | number | Buffer | Value[];

export interface ApkInfo {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly hash: string;
  readonly fileSize: number;
  readonly depends: readonly string[];
}

interface ApkFile {
  readonly path: string;
  readonly mode: number;
  readonly owner: string;
  readonly size: number;
  readonly hash: string;
  readonly content: Buffer;
}

function parseContainer(file: Buffer): Container {
  if (file.toString("latin1", 0, 4) !== "ADBd") throw new Error("not a deflated ADB file");
  const bytes = inflateRawSync(file.subarray(4), { maxOutputLength: 2 ** 28 });
  if (bytes.toString("latin1", 0, 4) !== "ADB.") throw new Error("no ADB header");
  const signatures: Buffer[] = [];
  const data: { path: number; file: number; content: Buffer }[] = [];
  let payload: Buffer | null = null;
  let at = 8;
  while (at < bytes.length) {
    const head = bytes.readUInt32LE(at);
    const size = head & 0x3fffffff;
    const block = bytes.subarray(at + 4, at + size);
    const type = head >>> 30;
    if (type === 0 && payload === null && at === 8) payload = block;
    else if (type === 1 && data.length === 0) signatures.push(block);
    else if (type === 2)
      data.push({ path: block.readUInt32LE(0), file: block.readUInt32LE(4), content: block.subarray(8) });
    else throw new Error(`block of type ${type} at ${at}`);
    const end = at + size;
    at = end + ((8 - (end % 8)) % 8);
    if (bytes.subarray(end, at).some((byte) => byte !== 0)) throw new Error("padding is not zero");
  }
  if (payload === null) throw new Error("no ADB block");
  return { schema: bytes.toString("latin1", 4, 8), payload, signatures, data };
}

function readValue(bytes: Buffer, tag: number): Value {
  const at = tag & 0x0fffffff;
  switch (tag >>> 28) {
    case 0x0:
      return null;
    case 0x1:
      return at;
    case 0x2:
      return bytes.readUInt32LE(at);
    case 0x8:
      return bytes.subarray(at + 1, at + 1 + bytes.readUInt8(at));
    case 0x9:
      return bytes.subarray(at + 2, at + 2 + bytes.readUInt16LE(at));
    case 0xa:
      return bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at));
    case 0xd:
    case 0xe: {
      if (at % 4 !== 0) throw new Error("a list that is not aligned");
      const fields: Value[] = [null];
      for (let i = 1; i < bytes.readUInt32LE(at); i++)
        fields.push(readValue(bytes, bytes.readUInt32LE(at + i * 4)));
      return fields;
    }
    default:
      throw new Error(`value of unknown type ${(tag >>> 28).toString(16)}`);
  }
}

const fieldsOf = (value: Value | undefined): Value[] => (Array.isArray(value) ? value : []);
const itemsOf = (value: Value | undefined): Value[] => fieldsOf(value).slice(1);
const textOf = (value: Value | undefined): string => (Buffer.isBuffer(value) ? value.toString("utf8") : "");
const hexOf = (value: Value | undefined): string => (Buffer.isBuffer(value) ? value.toString("hex") : "");
const numberOf = (value: Value | undefined): number => (typeof value === "number" ? value : 0);

function readInfo(value: Value | undefined): ApkInfo {
  const fields = fieldsOf(value);
  return {
    name: textOf(fields[1]),
    version: textOf(fields[2]),
    hash: hexOf(fields[3]),
    architecture: textOf(fields[5]),
    fileSize: numberOf(fields[13]),
    depends: itemsOf(fields[15]).map((item) => textOf(fieldsOf(item)[1])),
  };
}

function verifyContainer(container: Container, key: KeyObject): boolean {
  const point = key.export({ format: "der", type: "spki" }).subarray(-65);
  const id = createHash("sha512").update(point).digest().subarray(0, 16);
  return container.signatures.some((block) => {
    if (block[0] !== 0 || block[1] !== 4 || !block.subarray(2, 18).equals(id)) return false;
    const digest = createHash("sha512").update(container.payload).digest();
    const message = Buffer.concat([Buffer.from(container.schema, "latin1"), block.subarray(0, 18), digest]);
    return verify("sha512", message, key, block.subarray(18));
  });
}

const rootOf = (payload: Buffer): Value[] => fieldsOf(readValue(payload, payload.readUInt32LE(4)));

/** The index of a feed. */
export function readApkIndex(file: Buffer) {
  const container = parseContainer(file);
  if (container.schema !== "indx") throw new Error(`schema ${container.schema}`);
  const root = rootOf(container.payload);
  return {
    packages: itemsOf(root[2]).map(readInfo),
    verify: (key: KeyObject) => verifyContainer(container, key),
  };
}

/** A package with the contents of its files. */
export function readApk(file: Buffer) {
  const container = parseContainer(file);
  if (container.schema !== "pckg") throw new Error(`schema ${container.schema}`);
  const { payload } = container;
  const root = rootOf(payload);
  const info = readInfo(root[1]);
  const files: ApkFile[] = [];
  for (const [pathAt, folder] of itemsOf(root[2]).entries()) {
    const [, name, , entries] = fieldsOf(folder);
    for (const [fileAt, entry] of itemsOf(entries).entries()) {
      const fields = fieldsOf(entry);
      const acl = fieldsOf(fields[2]);
      const content = container.data.find((block) => block.path === pathAt + 1 && block.file === fileAt + 1);
      files.push({
        path: [textOf(name), textOf(fields[1])].filter((part) => part !== "").join("/"),
        mode: numberOf(acl[1]),
        owner: `${textOf(acl[2])}:${textOf(acl[3])}`,
        size: numberOf(fields[3]),
        hash: hexOf(fields[5]),
        content: content?.content ?? Buffer.alloc(0),
      });
    }
  }
  const scripts = fieldsOf(root[3]);
  const zeroed = Buffer.from(payload);
  const idBytes = Buffer.from(info.hash, "hex");
  zeroed.fill(0, zeroed.indexOf(idBytes), zeroed.indexOf(idBytes) + idBytes.length);
  const named = {
    preInstall: textOf(scripts[2]),
    postInstall: textOf(scripts[3]),
    preDeinstall: textOf(scripts[4]),
    postDeinstall: textOf(scripts[5]),
    preUpgrade: textOf(scripts[6]),
    postUpgrade: textOf(scripts[7]),
  };
  return {
    info,
    files,
    scripts: Object.fromEntries(Object.entries(named).filter(([, text]) => text !== "")),
    uniqueId: createHash("sha256").update(zeroed).digest("hex").slice(0, 40),
    payloadHash: createHash("sha256").update(payload).digest("hex"),
    verify: (key: KeyObject) => verifyContainer(container, key),
  };
}
