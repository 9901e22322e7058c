/** The bytes of heads that differ in a few values only: what stays is written once, a value where the last one stood. */
import type { HeaderList } from "../base/headers.ts";

/** Bytes of all values that change; a head with longer ones is not written here. */
const VALUE_BYTES = 1024;
/** Views are kept of heads whose values have fewer bytes in all. */
const KEPT_VIEWS = 160;

export class HeadBytes {
  readonly #texts: readonly Buffer[];
  readonly #places: readonly number[];
  readonly #textBytes: number;
  readonly #bytes: Buffer;
  readonly #words: DataView;
  /** Of the values that stand there now. */
  readonly #lengths: number[];
  /** Of a head by the bytes of its values: making one costs as much as writing two values. */
  readonly #views: (Uint8Array | undefined)[] = [];

  /** `texts`: what stands before each value, and after the last one. `places`: of the values in a list of headers. */
  constructor(texts: readonly string[], places: readonly number[]) {
    this.#texts = texts.map((text) => Buffer.from(text, "utf8"));
    this.#places = places;
    this.#textBytes = this.#texts.reduce((sum, text) => sum + text.length, 0);
    // Not of Node's pool: uWS takes a view, and what it is a view of, as they are.
    this.#bytes = Buffer.from(new ArrayBuffer(this.#textBytes + VALUE_BYTES));
    this.#words = new DataView(this.#bytes.buffer);
    this.#lengths = places.map(() => 0);
    this.#moveTexts(0);
  }

  /** The head with these values, valid until the next call; null when one is long, or is more than printable ASCII. */
  write(headers: HeaderList): Uint8Array | null {
    const places = this.#places;
    const lengths = this.#lengths;
    const texts = this.#texts;
    let moved = -1;
    let total = 0;
    for (let i = 0; i < places.length; i++) {
      const { length } = headers[places[i] as number] ?? "";
      total += length;
      if (length === lengths[i]) continue;
      lengths[i] = length;
      if (moved < 0) moved = i + 1;
    }
    if (total > VALUE_BYTES) return null;
    if (moved >= 0) this.#moveTexts(moved);
    let at = 0;
    for (let i = 0; i < places.length; i++) {
      at += (texts[i] as Buffer).length;
      const value = headers[places[i] as number] ?? "";
      const { length } = value;
      // What takes more bytes than it has characters is cut short, but shows.
      if (this.#bytes.write(value, at, length) !== length || !isPrintable(this.#words, at, at + length))
        return null;
      at += length;
    }
    return this.#view(total);
  }

  /** Puts the texts from this one on where they belong. */
  #moveTexts(from: number): void {
    let at = 0;
    for (let i = 0; i < this.#texts.length; i++) {
      const text = this.#texts[i] as Buffer;
      if (i >= from) this.#bytes.set(text, at);
      at += text.length + (this.#lengths[i] ?? 0);
    }
  }

  #view(valueBytes: number): Uint8Array {
    const kept = this.#views[valueBytes];
    if (kept !== undefined) return kept;
    const view = new Uint8Array(this.#bytes.buffer, 0, this.#textBytes + valueBytes);
    if (valueBytes < KEPT_VIEWS) this.#views[valueBytes] = view;
    return view;
  }
}

/** No control character, and nothing but ASCII: for four bytes at a time, each word is looked at as a whole. */
function isPrintable(words: DataView, start: number, end: number): boolean {
  let at = start;
  for (; at + 4 <= end; at += 4) if (!isPrintableWord(words.getInt32(at, true))) return false;
  for (; at < end; at++) {
    const byte = words.getUint8(at);
    if (byte < 0x20 || byte > 0x7e) return false;
  }
  return true;
}

/** A byte below 0x20 borrows, one above 0x7e has its highest bit or gets it: the highest bits of none are left only if all are between. */
function isPrintableWord(word: number): boolean {
  return (((word - 0x20202020) | word | (word + 0x01010101)) & 0x80808080) === 0;
}
