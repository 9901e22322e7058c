/** Finds members of a JSON text by bytes, without building the value: what is only forwarded is never parsed. */
import { badRequest, type Failure } from "./failure.ts";

/** A member of an object, or an element of an array (then `name` is ""). Offsets into the scanned buffer. */
export interface Member {
  readonly name: string;
  /** The key's opening quote; for an element the same as `start`. */
  readonly key: number;
  /** The byte after the key's closing quote; for an element the same as `start`. */
  readonly keyEnd: number;
  /** The value: [start, end). */
  readonly start: number;
  readonly end: number;
  /** End of the value before it; the byte after the opening bracket when it is the first. */
  readonly before: number;
  /** Start of the next member's key (or of the next element); -1 when it is the last. */
  readonly after: number;
}

/** Names to look for, prepared once. */
export interface WatchedNames {
  readonly names: readonly string[];
  /** By length of the name. */
  readonly byLength: readonly (readonly WatchedName[])[];
}

interface WatchedName {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Prepares names (ASCII) for `scanObject`. */
export function watchNames(names: readonly string[]): WatchedNames {
  const byLength: WatchedName[][] = [];
  for (const name of names) {
    while (byLength.length <= name.length) byLength.push([]);
    byLength[name.length]?.push({ name, bytes: Buffer.from(name, "latin1") });
  }
  return { names, byLength };
}

/** What one walk over an object found. */
export interface ObjectScan {
  /** The opening brace. */
  readonly open: number;
  /** The closing brace. */
  readonly close: number;
  /** Watched members, in their order in the text. */
  readonly members: readonly Member[];
  /** All members, watched or not. */
  readonly count: number;
  /** End of the last value; `open + 1` for an empty object. */
  readonly lastEnd: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Nesting a body may have. V8's JSON.stringify recurses, so what is parsed must not be deeper. */
export const MAX_DEPTH = 512;

/** A native search pays off for strings longer than this. */
const SHORT_STRING = 48;

function invalid(what: string, at: number): Failure {
  return badRequest(`the body is not valid JSON: ${what} at byte ${at}`, "invalid_json");
}

/** The first byte at or after `at` that is not JSON white space. */
export function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    at++;
  }
  return at;
}

/** The byte after the string whose opening quote stands at `at`. Throws a Failure when it does not end. */
export function skipString(bytes: Buffer, at: number, end: number): number {
  let position = at + 1;
  const near = Math.min(end, position + SHORT_STRING);
  while (position < near) {
    const byte = bytes[position];
    if (byte === QUOTE) return position + 1;
    position += byte === BACKSLASH ? 2 : 1;
  }
  // Here `position` never stands inside an escape; a quote is real when an even number of backslashes precedes it.
  let from = position;
  for (;;) {
    const quote = from < end ? bytes.indexOf(QUOTE, from) : -1;
    if (quote < 0 || quote >= end) throw invalid("a string does not end", at);
    let back = quote;
    while (back > from && bytes[back - 1] === BACKSLASH) back--;
    if (((quote - back) & 1) === 0) return quote + 1;
    from = quote + 1;
  }
}

/** Skips an object or array by counting brackets outside strings; what stands between them is not checked. */
function skipNested(bytes: Buffer, at: number, end: number): number {
  // One bit per level tells braces from brackets; 31 levels a number.
  let bits = bytes[at] === OPEN_BRACE ? 1 : 0;
  let depth = 1;
  let deeper: number[] | null = null;
  let position = at + 1;
  while (position < end) {
    const byte = bytes[position];
    if (byte === QUOTE) {
      position = skipString(bytes, position, end);
      continue;
    }
    position++;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (depth >= MAX_DEPTH) throw invalid(`nesting deeper than ${MAX_DEPTH}`, position - 1);
      if (depth % 31 === 0) {
        deeper ??= [];
        deeper.push(bits);
        bits = 0;
      }
      bits = (bits << 1) | (byte === OPEN_BRACE ? 1 : 0);
      depth++;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if ((bits & 1) !== (byte === CLOSE_BRACE ? 1 : 0)) throw invalid("a wrong bracket", position - 1);
      depth--;
      if (depth === 0) return position;
      bits >>>= 1;
      if (depth % 31 === 0) bits = deeper?.pop() ?? 0;
    }
  }
  throw invalid("an object or array does not end", at);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function skipDigits(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && isDigit(bytes[at])) at++;
  return at;
}

/** The byte after a number; -1 when the bytes are none. */
function skipNumber(bytes: Uint8Array, at: number, end: number): number {
  let position = at;
  if (bytes[position] === 0x2d) position++;
  if (position >= end || !isDigit(bytes[position])) return -1;
  position = bytes[position] === 0x30 ? position + 1 : skipDigits(bytes, position, end);
  if (position < end && bytes[position] === 0x2e) {
    const fraction = skipDigits(bytes, position + 1, end);
    if (fraction === position + 1) return -1;
    position = fraction;
  }
  if (position < end && (bytes[position] === 0x65 || bytes[position] === 0x45)) {
    let exponent = position + 1;
    if (exponent < end && (bytes[exponent] === 0x2b || bytes[exponent] === 0x2d)) exponent++;
    const last = skipDigits(bytes, exponent, end);
    if (last === exponent) return -1;
    position = last;
  }
  return position;
}

const TRUE = Buffer.from("true");
const FALSE = Buffer.from("false");
const NULL = Buffer.from("null");

function skipLiteral(bytes: Uint8Array, at: number, end: number): number {
  const word = bytes[at] === 0x74 ? TRUE : bytes[at] === 0x66 ? FALSE : NULL;
  if (at + word.length > end) return -1;
  for (let i = 0; i < word.length; i++) {
    if (bytes[at + i] !== word[i]) return -1;
  }
  return at + word.length;
}

function skipScalar(bytes: Uint8Array, at: number, end: number): number {
  const byte = bytes[at];
  return byte === 0x74 || byte === 0x66 || byte === 0x6e
    ? skipLiteral(bytes, at, end)
    : skipNumber(bytes, at, end);
}

/** The byte after the value that starts at `at`. Nested values are matched by brackets only. Throws a Failure. */
export function skipValue(bytes: Buffer, at: number, end: number): number {
  const byte = bytes[at];
  if (at >= end) throw invalid("a value is missing", at);
  if (byte === QUOTE) return skipString(bytes, at, end);
  if (byte === OPEN_BRACE || byte === OPEN_BRACKET) return skipNested(bytes, at, end);
  const after = skipScalar(bytes, at, end);
  if (after < 0) throw invalid("an unexpected character", at);
  return after;
}

/** The watched name that the key [start, end) spells, "" when none; throws when it spells one in a disguise. */
function matchName(bytes: Buffer, start: number, end: number, watched: WatchedNames): string {
  const length = end - start;
  const candidates = watched.byLength[length];
  if (candidates !== undefined) {
    for (const { name, bytes: candidate } of candidates) {
      let i = 0;
      let exact = true;
      for (; i < length; i++) {
        const byte = bytes[start + i] ?? 0;
        const wanted = candidate[i] ?? 0;
        if (byte === wanted) continue;
        // Go's decoder (Ollama, many relays) takes a key in any case: that would be a second reading.
        if ((byte | 0x20) !== (wanted | 0x20) || (byte | 0x20) < 0x61 || (byte | 0x20) > 0x7a) break;
        exact = false;
      }
      if (i < length) continue;
      if (!exact) throw disguised(name, "must be spelled in its own case");
      return name;
    }
  }
  for (let i = start; i < end; i++) {
    if (bytes[i] === BACKSLASH) return matchEscaped(bytes, start, end, watched);
  }
  return "";
}

function matchEscaped(bytes: Buffer, start: number, end: number, watched: WatchedNames): string {
  let name: unknown;
  try {
    name = JSON.parse(bytes.toString("utf8", start - 1, end + 1));
  } catch {
    throw invalid("a bad escape in a key", start);
  }
  const lower = String(name).toLowerCase();
  const hit = watched.names.find((candidate) => candidate.toLowerCase() === lower);
  if (hit !== undefined) throw disguised(hit, "must not be spelled with escapes");
  return "";
}

function decodeName(bytes: Buffer, key: number, keyEnd: number): string {
  const text = bytes.toString("utf8", key + 1, keyEnd - 1);
  if (!text.includes("\\")) return text;
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    throw invalid("a bad escape in a key", key);
  }
}

function disguised(name: string, why: string): Failure {
  return badRequest(`member "${name}" ${why}`, "ambiguous_member", name);
}

/**
 * Walks the members of the object in [start, end) once and returns the watched ones. The object's own level is checked
 * strictly; nested values only for balanced strings and brackets.
 * Without `watched`, or with `all`, all members are returned by their decoded names, duplicates of unwatched ones too.
 * Throws a Failure (400): `invalid_json`, or `ambiguous_member` for a watched name that stands twice, is escaped, or is
 * spelled in another case, since another parser would read another request.
 */
export function scanObject(
  bytes: Buffer,
  watched: WatchedNames | null,
  start = 0,
  end: number = bytes.length,
  all = watched === null,
): ObjectScan {
  const open = skipSpace(bytes, start, end);
  if (open >= end || bytes[open] !== OPEN_BRACE) throw invalid("an object is wanted", open);
  const members: { -readonly [K in keyof Member]: Member[K] }[] = [];
  let count = 0;
  let lastEnd = open + 1;
  let pending: { -readonly [K in keyof Member]: Member[K] } | null = null;
  let position = skipSpace(bytes, open + 1, end);
  if (bytes[position] !== CLOSE_BRACE || position >= end) {
    for (;;) {
      if (position >= end || bytes[position] !== QUOTE) throw invalid("a member name is wanted", position);
      const key = position;
      const keyEnd = skipString(bytes, key, end);
      const name = watched === null ? "" : matchName(bytes, key + 1, keyEnd - 1, watched);
      if (pending !== null) pending.after = key;
      pending = null;
      position = skipSpace(bytes, keyEnd, end);
      if (position >= end || bytes[position] !== COLON) throw invalid("a colon is wanted", position);
      const valueStart = skipSpace(bytes, position + 1, end);
      const valueEnd = skipValue(bytes, valueStart, end);
      if (all || name !== "") {
        if (name !== "" && members.some((member) => member.name === name)) {
          throw disguised(name, "stands twice");
        }
        const spelled = name === "" ? decodeName(bytes, key, keyEnd) : name;
        pending = {
          name: spelled,
          key,
          keyEnd,
          start: valueStart,
          end: valueEnd,
          before: lastEnd,
          after: -1,
        };
        members.push(pending);
      }
      count++;
      lastEnd = valueEnd;
      position = skipSpace(bytes, valueEnd, end);
      if (position < end && bytes[position] === CLOSE_BRACE) break;
      if (position >= end || bytes[position] !== COMMA) throw invalid("a comma is wanted", position);
      position = skipSpace(bytes, position + 1, end);
    }
  }
  const close = position;
  const rest = skipSpace(bytes, close + 1, end);
  if (rest < end) throw invalid("something stands behind the object", rest);
  return { open, close, members, count, lastEnd };
}

/** The member of that name, when it was watched and stands in the object. */
export function findMember(scan: ObjectScan, name: string): Member | undefined {
  for (const member of scan.members) {
    if (member.name === name) return member;
  }
  return undefined;
}

/**
 * The value of the object's last member when it is an object of that name (`quoted`: the name in its quotes), found from
 * the end: what stands before it is not walked. Only for bytes that are known to be one JSON object; null = look for it.
 */
export function lastMember(bytes: Buffer, quoted: Buffer): { start: number; end: number } | null {
  const key = bytes.lastIndexOf(quoted);
  if (key < 0) return null;
  const colon = skipSpace(bytes, key + quoted.length, bytes.length);
  const start = skipSpace(bytes, colon + 1, bytes.length);
  if (bytes[colon] !== COLON || bytes[start] !== OPEN_BRACE) return null;
  const end = skipNested(bytes, start, bytes.length);
  const close = skipSpace(bytes, end, bytes.length);
  // One brace and nothing else: it can only be the object's own.
  return bytes[close] === CLOSE_BRACE && skipSpace(bytes, close + 1, bytes.length) === bytes.length
    ? { start, end }
    : null;
}

/** The elements of the array in [start, end), at most `limit`. Throws a Failure (400). */
export function scanArray(
  bytes: Buffer,
  start: number,
  end: number,
  limit = Number.POSITIVE_INFINITY,
): Member[] {
  const open = skipSpace(bytes, start, end);
  if (open >= end || bytes[open] !== OPEN_BRACKET) throw invalid("an array is wanted", open);
  const elements: { -readonly [K in keyof Member]: Member[K] }[] = [];
  let position = skipSpace(bytes, open + 1, end);
  if (position < end && bytes[position] === CLOSE_BRACKET) return elements;
  let before = open + 1;
  let last: { after: number } | null = null;
  for (;;) {
    if (elements.length >= limit) return elements;
    const valueEnd = skipValue(bytes, position, end);
    if (last !== null) last.after = position;
    const element = {
      name: "",
      key: position,
      keyEnd: position,
      start: position,
      end: valueEnd,
      before,
      after: -1,
    };
    elements.push(element);
    last = element;
    before = valueEnd;
    position = skipSpace(bytes, valueEnd, end);
    if (position < end && bytes[position] === CLOSE_BRACKET) return elements;
    if (position >= end || bytes[position] !== COMMA) throw invalid("a comma is wanted", position);
    position = skipSpace(bytes, position + 1, end);
  }
}

/** True when the value [start, end) is a string that spells exactly `text` (ASCII, no escapes looked at). */
export function isString(bytes: Buffer, value: { start: number; end: number }, text: string): boolean {
  if (value.end - value.start !== text.length + 2 || bytes[value.start] !== QUOTE) return false;
  for (let i = 0; i < text.length; i++) {
    if (bytes[value.start + 1 + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

const PLAIN_BYTES = 64;

/** A short string that stands for itself, byte for byte: names of models are, and need no parser. */
function isPlainText(bytes: Buffer, { start, end }: { start: number; end: number }): boolean {
  if (end - start < 2 || end - start > PLAIN_BYTES || bytes[start] !== 0x22 || bytes[end - 1] !== 0x22)
    return false;
  for (let at = start + 1; at < end - 1; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c) return false;
  }
  return true;
}

/** The value [start, end) parsed; for small values only. Throws a Failure when it is not JSON. */
export function parseValue(bytes: Buffer, value: { start: number; end: number }): unknown {
  if (isPlainText(bytes, value)) return bytes.toString("latin1", value.start + 1, value.end - 1);
  try {
    return JSON.parse(bytes.toString("utf8", value.start, value.end));
  } catch {
    throw invalid("a value cannot be read", value.start);
  }
}
