/** Looks for quoted words in JSON bytes: what tells whether a body is worth walking at all. */

/**
 * Node searches for up to six bytes by jumping from one occurrence of the first byte to the next; for longer words it
 * goes byte by byte, six times as slow. And quotes are rarer than letters.
 */
const JUMP_BYTES = 6;
/** In fewer bytes a loop finds it sooner than Node is called. */
const SHORT_BYTES = 256;
const QUOTE = 0x22;

export interface Word {
  readonly bytes: Buffer;
  readonly lead: Buffer;
}

/** `text` begins with a quote. */
export function makeWord(text: string): Word {
  const bytes = Buffer.from(text);
  return { bytes, lead: bytes.subarray(0, JUMP_BYTES) };
}

/** Where the word stands in [from, end); -1 = nowhere. */
export function findWord(bytes: Buffer, word: Word, from = 0, end: number = bytes.length): number {
  if (end - from > SHORT_BYTES)
    return findFar(end === bytes.length ? bytes : bytes.subarray(0, end), word, from);
  for (let at = from; at < end; at++)
    if (bytes[at] === QUOTE && spells(bytes, at, end, word.bytes)) return at;
  return -1;
}

export function holdsWord(bytes: Buffer, word: Word, from = 0, end: number = bytes.length): boolean {
  return findWord(bytes, word, from, end) >= 0;
}

/** True when one of the words stands in [from, end). */
export function holdsAnyWord(bytes: Buffer, words: readonly Word[], from: number, end: number): boolean {
  for (let i = 0; i < words.length; i++) if (holdsWord(bytes, words[i] as Word, from, end)) return true;
  return false;
}

function spells(bytes: Buffer, at: number, end: number, word: Buffer): boolean {
  if (at + word.length > end) return false;
  for (let i = 1; i < word.length; i++) if (bytes[at + i] !== word[i]) return false;
  return true;
}

function findFar(bytes: Buffer, { bytes: word, lead }: Word, from: number): number {
  let at = bytes.indexOf(lead, from);
  while (at >= 0 && word.compare(bytes, at, Math.min(bytes.length, at + word.length)) !== 0) {
    at = bytes.indexOf(lead, at + 1);
  }
  return at;
}

const EMPTY = Buffer.from('""');
const COLON = 0x3a;

/** True when a member whose name ends in `ending` has an empty string for a value. */
export function holdsEmptyMember(bytes: Buffer, ending: string): boolean {
  const tail = Buffer.from(`${ending}"`);
  for (let at = bytes.indexOf(EMPTY); at >= 0; at = bytes.indexOf(EMPTY, at + EMPTY.length)) {
    let before = skipSpaceBack(bytes, at);
    if (bytes[before - 1] !== COLON) continue;
    before = skipSpaceBack(bytes, before - 1);
    const from = before - tail.length;
    if (from >= 0 && tail.compare(bytes, from, before) === 0) return true;
  }
  return false;
}

/** The byte after the last one before `at` that is not JSON white space. */
function skipSpaceBack(bytes: Buffer, at: number): number {
  let before = at;
  while (before > 0) {
    const byte = bytes[before - 1];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    before--;
  }
  return before;
}
