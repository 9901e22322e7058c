/** Texts that are written again and again, kept as numbers of eight bytes: an access to a buffer costs several times as much as one to a list. */

export interface Piece {
  readonly length: number;
  /**
   * The bytes, and zeros behind the last. UTF-8 comes back as it was: no eight bytes of it read as "not a number", which
   * alone has more than one spelling.
   */
  readonly words: readonly number[];
}

/** Bytes of a word: a piece wants so much room beyond its length. */
export const WORD = 8;

export function piece(text: string): Piece {
  const length = Buffer.byteLength(text);
  const bytes = Buffer.alloc(Math.ceil(length / WORD) * WORD);
  bytes.write(text);
  const words = Array.from({ length: bytes.length / WORD }, (_, i) => bytes.readDoubleLE(i * WORD));
  return { length, words };
}

/** Returns where it ends; what its last word has too much is to be written over by what follows. */
export function writePiece(view: DataView, at: number, { words, length }: Piece): number {
  for (let i = 0; i < words.length; i++) view.setFloat64(at + WORD * i, words[i] as number, true);
  return at + length;
}
