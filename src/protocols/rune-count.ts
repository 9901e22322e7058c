/** Counts the characters of texts and what they cost: `floor(2*cjk/3) + floor((runes - cjk)/4) + 1` tokens a text. */

const BACKSLASH = 0x5c;

/** CJK ideographs, kana and hangul syllables: about two tokens for three of them. */
function isCjk(rune: number): boolean {
  return (
    (rune >= 0x4e00 && rune <= 0x9fff) ||
    (rune >= 0x3040 && rune <= 0x30ff) ||
    (rune >= 0xac00 && rune <= 0xd7af)
  );
}

/** Estimated tokens of so many runes, of which so many are CJK. */
export function tokensOf(runes: number, cjk: number): number {
  return runes === 0 ? 0 : Math.floor((2 * cjk) / 3) + Math.floor((runes - cjk) / 4) + 1;
}

/** Estimated tokens of a text; 0 for an empty one. */
export function estimateTokens(text: string): number {
  let runes = 0;
  let cjk = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // The second half of a surrogate pair belongs to the rune that its first half has counted.
    if (unit >= 0xdc00 && unit <= 0xdfff && i > 0 && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800) continue;
    runes++;
    if (isCjk(unit)) cjk++;
  }
  return tokensOf(runes, cjk);
}

export interface Counts {
  runes: number;
  cjk: number;
}

function hexAt(body: Buffer, at: number): number {
  const value = Number.parseInt(body.toString("latin1", at, at + 4), 16);
  return Number.isNaN(value) ? 0x20 : value;
}

/** A body four bytes at a time. */
export interface Words {
  readonly words: Int32Array;
  /** Where in the body the first word begins. */
  readonly first: number;
}

/** Smaller bodies are counted before another view of them is made. */
const WORTH_WORDS = 512;
const EACH_ONE = 0x01010101;
const EACH_HIGH = 0x80808080 | 0;
const EACH_BACKSLASH = 0x5c5c5c5c;

/** null: not worth it. */
export function wordsOf(body: Buffer): Words | null {
  if (body.length < WORTH_WORDS) return null;
  const first = -body.byteOffset & 3;
  return {
    words: new Int32Array(body.buffer, body.byteOffset + first, (body.length - first) >> 2),
    first,
  };
}

/** The byte after the words from `at` on that hold neither an escape nor anything beyond ASCII; `at` must begin one. */
function endOfPlain({ words, first }: Words, at: number, end: number): number {
  const last = (end - first) >> 2;
  let i = (at - first) >> 2;
  for (; i < last; i++) {
    const word = words[i] as number;
    const slashes = word ^ EACH_BACKSLASH;
    // A byte that is zero borrows from its high bit.
    if (((word | (((slashes - EACH_ONE) | 0) & ~slashes)) & EACH_HIGH) !== 0) break;
  }
  return first + (i << 2);
}

/** Counts the runes of UTF-8 JSON text in [start, end), escapes as the one rune they stand for. */
export function countRunes(
  body: Buffer,
  words: Words | null,
  start: number,
  end: number,
  counts: Counts,
): void {
  let i = start;
  while (i < end) {
    if (words !== null && i >= words.first && ((i - words.first) & 3) === 0) {
      const after = endOfPlain(words, i, end);
      if (after > i) {
        counts.runes += after - i;
        i = after;
        continue;
      }
    }
    const byte = body[i] ?? 0;
    if (byte === BACKSLASH) {
      if (body[i + 1] !== 0x75) {
        counts.runes++;
        i += 2;
        continue;
      }
      const rune = hexAt(body, i + 2);
      if (rune < 0xdc00 || rune > 0xdfff) counts.runes++;
      if (isCjk(rune)) counts.cjk++;
      i += 6;
      continue;
    }
    if (byte < 0x80) {
      counts.runes++;
      i++;
    } else if ((byte & 0xf0) === 0xe0) {
      counts.runes++;
      const rune = ((byte & 0x0f) << 12) | (((body[i + 1] ?? 0) & 0x3f) << 6) | ((body[i + 2] ?? 0) & 0x3f);
      if (isCjk(rune)) counts.cjk++;
      i += 3;
    } else {
      if ((byte & 0xc0) !== 0x80) counts.runes++;
      i++;
    }
  }
}
