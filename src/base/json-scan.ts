/** Finds members of a JSON text by bytes, without building the value: what is only forwarded is never parsed. */
import { decodeName, disguised, matchName, type WatchedNames } from "./json-names.ts";
import { invalid, type ListWatch, skipNested, skipSpace, skipString, skipValue } from "./json-skip.ts";
import { plainText } from "./known-texts.ts";

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
  /** Bits of the watched names that stand in it (`bitsOf`); all of them where none was watched. */
  readonly seen: number;
}

/** Who hears of what stands in a watched member that is an array, while its end is looked for. */
export interface ListWatchers {
  watch(name: string, start: number): ListWatch | null;
}

const QUOTE = 0x22;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

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
  lists: ListWatchers | null = null,
): ObjectScan {
  const open = skipSpace(bytes, start, end);
  if (open >= end || bytes[open] !== OPEN_BRACE) throw invalid("an object is wanted", open);
  const members: { -readonly [K in keyof Member]: Member[K] }[] = [];
  let count = 0;
  let seen = watched === null ? -1 : 0;
  let lastEnd = open + 1;
  let pending: { -readonly [K in keyof Member]: Member[K] } | null = null;
  let position = skipSpace(bytes, open + 1, end);
  if (bytes[position] !== CLOSE_BRACE || position >= end) {
    for (;;) {
      if (position >= end || bytes[position] !== QUOTE) throw invalid("a member name is wanted", position);
      const key = position;
      const keyEnd = skipString(bytes, key, end);
      const match = watched === null ? null : matchName(bytes, key + 1, keyEnd - 1, watched);
      const name = match === null ? "" : match.name;
      if (pending !== null) pending.after = key;
      pending = null;
      position = skipSpace(bytes, keyEnd, end);
      if (position >= end || bytes[position] !== COLON) throw invalid("a colon is wanted", position);
      const valueStart = skipSpace(bytes, position + 1, end);
      const watch =
        lists !== null && match !== null && valueStart < end && bytes[valueStart] === OPEN_BRACKET
          ? lists.watch(name, valueStart)
          : null;
      const valueEnd =
        watch === null ? skipValue(bytes, valueStart, end) : skipNested(bytes, valueStart, end, watch);
      if (all || name !== "") {
        if (match !== null) {
          if ((seen & match.bit) !== 0 && memberNamed(members, name) !== undefined)
            throw disguised(name, "stands twice");
          seen |= match.bit;
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
  return { open, close, members, count, lastEnd, seen };
}

/** The member of that name, when it was watched and stands in the object. */
export function findMember(scan: ObjectScan, name: string): Member | undefined {
  return memberNamed(scan.members, name);
}

/** By index: asked 30 times for a request, and an iterator is garbage for every member it gives. */
function memberNamed(members: readonly Member[], name: string): Member | undefined {
  for (let i = 0; i < members.length; i++) {
    if (members[i]?.name === name) return members[i];
  }
  return undefined;
}

/**
 * The value of the object's last member when it is an object of that name (`quoted`: the name in its quotes), found from
 * the end: what stands before it is not walked. Only for bytes that are known to be one JSON object; null = look for it.
 */
export function lastMember(bytes: Buffer, quoted: Buffer): { start: number; end: number } | null {
  const start = lastValue(bytes, quoted);
  if (start < 0) return null;
  const end = skipNested(bytes, start, bytes.length);
  return endsObject(bytes, end) ? { start, end } : null;
}

/** The opening brace of the value that stands behind the last such name; -1 = it is no object, or there is no such name. */
export function lastValue(bytes: Buffer, quoted: Buffer): number {
  const key = bytes.lastIndexOf(quoted);
  if (key < 0) return -1;
  const colon = skipSpace(bytes, key + quoted.length, bytes.length);
  const start = skipSpace(bytes, colon + 1, bytes.length);
  return bytes[colon] === COLON && bytes[start] === OPEN_BRACE ? start : -1;
}

/** Whether one brace and nothing else stands at or after `at`: it can only be the object's own. */
export function endsObject(bytes: Buffer, at: number): boolean {
  const close = skipSpace(bytes, at, bytes.length);
  return bytes[close] === CLOSE_BRACE && skipSpace(bytes, close + 1, bytes.length) === bytes.length;
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

/** The value [start, end) parsed; for small values only. Throws a Failure when it is not JSON. */
export function parseValue(bytes: Buffer, value: { start: number; end: number }): unknown {
  const { start, end } = value;
  if (end - start >= 2 && bytes[start] === QUOTE && bytes[end - 1] === QUOTE) {
    const text = plainText(bytes, start + 1, end - 1);
    if (text !== null) return text;
  }
  try {
    return JSON.parse(bytes.toString("utf8", start, end));
  } catch {
    throw invalid("a value cannot be read", start);
  }
}
