/** Steps over JSON values by bytes: where each ends, without building it. */
import { badRequest, type Failure } from "./failure.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Nesting a body may have. V8's JSON.stringify recurses, so what is parsed must not be deeper. */
export const MAX_DEPTH = 512;

/** A native search pays off for strings longer than this. */
const SHORT_STRING = 16;

/** What a body that is no JSON is told. */
export function invalid(what: string, at: number): Failure {
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
  return skipLong(bytes, at, position, end);
}

/**
 * The rest of a string, by native searches from `near` on, which never stands inside an escape: a quote is real when an
 * even number of backslashes precedes it. Apart, because V8 makes twice as fast a loop of the short function alone.
 */
function skipLong(bytes: Buffer, at: number, near: number, end: number): number {
  let from = near;
  for (;;) {
    const quote = from < end ? bytes.indexOf(QUOTE, from) : -1;
    if (quote < 0 || quote >= end) throw invalid("a string does not end", at);
    let back = quote;
    while (back > from && bytes[back - 1] === BACKSLASH) back--;
    if (((quote - back) & 1) === 0) return quote + 1;
    from = quote + 1;
  }
}

/** Hears of what stands in an array while its end is looked for: of strings at any depth, of all else at its own level. */
export interface ListWatch {
  /** A string begins at `at`; depth 1 = it is an element. */
  onString(bytes: Buffer, at: number, end: number, depth: number): void;
  /** An object or array that is an element begins; ends. */
  onOpen(at: number): void;
  onClose(end: number): void;
  /** The byte at `at` stands between elements, or is part of one that is no string, object or array. */
  onOther(byte: number): void;
}

/**
 * Skips an object or array by counting brackets outside strings; what stands between them is not checked. `watch` hears
 * of what stands in an array.
 */
export function skipNested(bytes: Buffer, at: number, end: number, watch: ListWatch | null = null): number {
  // One bit per level tells braces from brackets; 31 levels a number.
  let bits = bytes[at] === OPEN_BRACE ? 1 : 0;
  let depth = 1;
  let deeper: number[] | null = null;
  let position = at + 1;
  while (position < end) {
    const byte = bytes[position];
    if (byte === QUOTE) {
      if (watch !== null) watch.onString(bytes, position, end, depth);
      position = skipString(bytes, position, end);
      continue;
    }
    position++;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (depth >= MAX_DEPTH) throw invalid(`nesting deeper than ${MAX_DEPTH}`, position - 1);
      if (depth === 1 && watch !== null) watch.onOpen(position - 1);
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
      if (depth === 1 && watch !== null) watch.onClose(position);
      bits >>>= 1;
      if (depth % 31 === 0) bits = deeper?.pop() ?? 0;
    } else if (depth === 1 && watch !== null) watch.onOther(byte ?? 0);
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
