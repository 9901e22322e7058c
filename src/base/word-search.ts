/** Looks for quoted words in JSON bytes: what tells whether a body is worth walking at all. */

/**
 * Node searches for up to six bytes by jumping from one occurrence of the first byte to the next; for longer words it
 * goes byte by byte, six times as slow. And quotes are rarer than letters.
 */
const JUMP_BYTES = 6;

export interface Word {
  readonly bytes: Buffer;
  readonly lead: Buffer;
}

/** `text` begins with a quote. */
export function makeWord(text: string): Word {
  const bytes = Buffer.from(text);
  return { bytes, lead: bytes.subarray(0, JUMP_BYTES) };
}

/** Where the word stands at or after `from`; -1 = nowhere. */
export function findWord(bytes: Buffer, { bytes: word, lead }: Word, from = 0): number {
  let at = bytes.indexOf(lead, from);
  while (at >= 0 && word.compare(bytes, at, Math.min(bytes.length, at + word.length)) !== 0) {
    at = bytes.indexOf(lead, at + 1);
  }
  return at;
}

export function holdsWord(bytes: Buffer, word: Word): boolean {
  return findWord(bytes, word) >= 0;
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
