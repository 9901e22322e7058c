/** Tells whether bytes are one JSON value, exactly as JSON.parse would, without building it. */
import { MAX_DEPTH } from "./json-skip.ts";

/** The state between two bytes: what may come next. */
const VALUE = 0; // a value
const FIRST_VALUE = 1; // a value or `]`
const FIRST_KEY = 2; // a key or `}`
const KEY = 3; // a key
const COLON = 4;
const AFTER = 5; // a comma, a closing bracket, or the end

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isHex(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66);
}

/** The letter behind a backslash, `u` aside. */
function isEscape(letter: number): boolean {
  switch (letter) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return true;
    default:
      return false;
  }
}

/** Over the bytes that a string may hold as they are. A loop of its own: V8 looks at the array once then, and not at every byte. */
function endOfPlain(bytes: Uint8Array, at: number, end: number): number {
  let position = at;
  for (; position < end; position++) {
    const byte = bytes[position] as number;
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) break;
  }
  return position;
}

/** After the string whose quote stands at `at`; -1 when it is not one (control characters and bad escapes included). */
function endOfString(bytes: Uint8Array, at: number, end: number): number {
  const close = endOfText(bytes, at + 1, end);
  return close < 0 ? -1 : close + 1;
}

/** The quote that ends the string whose inside begins at `at`; -1 when it is not one. */
export function endOfText(bytes: Uint8Array, at: number, end: number): number {
  let position = endOfPlain(bytes, at, end);
  while (position < end) {
    const byte = bytes[position] as number;
    if (byte === 0x22) return position;
    if (byte !== 0x5c) return -1;
    const after = endOfEscape(bytes, position, end);
    if (after < 0) return -1;
    position = endOfPlain(bytes, after, end);
  }
  return -1;
}

/** After the escape whose backslash stands at `at`. */
function endOfEscape(bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) return -1;
  const letter = bytes[at + 1] as number;
  if (letter !== 0x75) return isEscape(letter) ? at + 2 : -1;
  if (at + 6 > end) return -1;
  for (let i = 2; i < 6; i++) if (!isHex(bytes[at + i] as number)) return -1;
  return at + 6;
}

/** After the number that begins at `at`; -1 = there is none. */
export function endOfNumber(bytes: Uint8Array, at: number, end: number): number {
  const whole = bytes[at] === 0x2d ? at + 1 : at;
  let position = whole < end && bytes[whole] === 0x30 ? whole + 1 : endOfDigits(bytes, whole, end);
  if (position === whole) return -1;
  if (position < end && bytes[position] === 0x2e) {
    const fraction = position + 1;
    position = endOfDigits(bytes, fraction, end);
    if (position === fraction) return -1;
  }
  if (position < end && ((bytes[position] ?? 0) | 0x20) === 0x65) {
    position++;
    if (position < end && (bytes[position] === 0x2b || bytes[position] === 0x2d)) position++;
    const exponent = position;
    position = endOfDigits(bytes, exponent, end);
    if (position === exponent) return -1;
  }
  return position;
}

function endOfDigits(bytes: Uint8Array, at: number, end: number): number {
  let position = at;
  while (position < end && (bytes[position] ?? 0) >= 0x30 && (bytes[position] ?? 0) <= 0x39) position++;
  return position;
}

function endOfScalar(bytes: Uint8Array, at: number, end: number): number {
  switch (bytes[at]) {
    case 0x74:
      return endOfLiteral(bytes, at, end, "true");
    case 0x66:
      return endOfLiteral(bytes, at, end, "false");
    case 0x6e:
      return endOfLiteral(bytes, at, end, "null");
    default:
      return endOfNumber(bytes, at, end);
  }
}

function endOfLiteral(bytes: Uint8Array, at: number, end: number, literal: string): number {
  if (at + literal.length > end) return -1;
  for (let i = 1; i < literal.length; i++) if (bytes[at + i] !== literal.charCodeAt(i)) return -1;
  return at + literal.length;
}

function isWord(bytes: Uint8Array, from: number, to: number, word: Uint8Array): boolean {
  if (to - from !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[from + i] !== word[i]) return false;
  return true;
}

/** Whether each of the brackets that are open is a brace: one walk at a time needs it. */
const BRACES = new Array<boolean>(MAX_DEPTH).fill(false);

const NO_WORD = new Uint8Array(0);

/**
 * True when [start, end) is one JSON value with nothing but white space around it. Values nested deeper than
 * `MAX_DEPTH` are refused: the only text that JSON.parse takes and this does not.
 */
export function isValidJson(bytes: Uint8Array, start = 0, end: number = bytes.length): boolean {
  return walkJson(bytes, start, end, NO_WORD) !== "invalid";
}

/**
 * Looks at `bytes` as `isValidJson` does; `holds`: one of its names or strings is spelled as `word` is, with its
 * quotes. One walk for both: a search for a word of quotes and letters costs as much as the walk.
 */
export function walkJson(
  bytes: Uint8Array,
  start: number,
  end: number,
  word: Uint8Array,
): "invalid" | "valid" | "holds" {
  let depth = 0;
  let inObject = false;
  let expect = VALUE;
  let position = start;
  let holds = false;
  while (position < end) {
    const byte = bytes[position] as number;
    if (byte === 0x22 && expect !== AFTER && expect !== COLON) {
      const after = endOfString(bytes, position, end);
      if (after < 0) return "invalid";
      if (isWord(bytes, position, after, word)) holds = true;
      expect = expect === KEY || expect === FIRST_KEY ? COLON : AFTER;
      position = after;
    } else if (byte <= 0x20) {
      if (!isSpace(byte)) return "invalid";
      position++;
    } else if (expect === AFTER) {
      if (depth === 0) return "invalid";
      if (byte === 0x2c) {
        expect = inObject ? KEY : VALUE;
      } else {
        if (byte !== (inObject ? 0x7d : 0x5d)) return "invalid";
        depth--;
        inObject = BRACES[depth] === true;
      }
      position++;
    } else if (expect === COLON) {
      if (byte !== 0x3a) return "invalid";
      expect = VALUE;
      position++;
    } else if (byte === 0x7b || byte === 0x5b) {
      if (depth >= MAX_DEPTH || expect === KEY || expect === FIRST_KEY) return "invalid";
      BRACES[depth] = inObject;
      depth++;
      inObject = byte === 0x7b;
      expect = inObject ? FIRST_KEY : FIRST_VALUE;
      position++;
    } else if (expect === KEY || expect === FIRST_KEY || (byte === 0x5d && expect === FIRST_VALUE)) {
      if (expect === KEY || (expect === FIRST_KEY && byte !== 0x7d)) return "invalid";
      depth--;
      inObject = BRACES[depth] === true;
      expect = AFTER;
      position++;
    } else {
      position = endOfScalar(bytes, position, end);
      if (position < 0) return "invalid";
      expect = AFTER;
    }
  }
  if (expect !== AFTER || depth > 0) return "invalid";
  return holds ? "holds" : "valid";
}
