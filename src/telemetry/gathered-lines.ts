/** Lines gathered as bytes and handed over many at a time: a string that waits is copied, measured and collected once per line. */

/**
 * Handed over at the latest when so much is there. A pipe's writer wakes another thread for each: few are cheaper than
 * many. But pino keeps the last one until the next: one that lives through two collections of young objects is
 * collected with the old ones only, and when these were due every second for its sake, compiled code went with them.
 */
const GATHERED_BYTES = 16 * 1024;

/** A line of JSON, put together piece by piece. */
export interface LineWriter {
  /** Bytes of `piece`, as they are. */
  add(piece: Uint8Array): LineWriter;
  /** A string of JSON, quoted and escaped. */
  quoted(value: string): LineWriter;
  /** A whole number; `null` as JSON's. */
  whole(value: number | null): LineWriter;
  /** Milliseconds with a tenth's resolution. */
  tenths(ms: number): LineWriter;
}

/** What a line is put together of: names, punctuation, words of ours. Made once, for copying bytes is faster than reading characters. */
export function piece(ascii: string): Uint8Array {
  return Uint8Array.from(ascii, (character) => character.charCodeAt(0));
}

export class GatheredLines implements LineWriter {
  readonly #take: (bytes: Buffer) => void;
  readonly #onWaiting: () => void;
  #bytes = NOTHING;
  #end = 0;
  /** Where the line begins that is being written. */
  #line = 0;

  /** `take` gets bytes that are written over after the call; `onWaiting`: what was empty holds a line now. */
  constructor(take: (bytes: Buffer) => void, onWaiting: () => void) {
    this.#take = take;
    this.#onWaiting = onWaiting;
  }

  /** A finished line, its newline included. */
  addLine(line: string): void {
    this.#utf8(line);
    this.#endLine();
  }

  /** Ends the line that was put together. */
  finish(): void {
    this.add(NEWLINE).#endLine();
  }

  handOver(): void {
    if (this.#line === 0) return;
    this.#take(this.#bytes.subarray(0, this.#line));
    this.#bytes.copyWithin(0, this.#line, this.#end);
    this.#end -= this.#line;
    this.#line = 0;
  }

  add(piece: Uint8Array): this {
    this.#reserve(piece.length);
    this.#bytes.set(piece, this.#end);
    this.#end += piece.length;
    return this;
  }

  /** Plain ones, which nearly all are, without a call into the serialiser. */
  quoted(value: string): this {
    this.#reserve(value.length + 2);
    const bytes = this.#bytes;
    let end = this.#end;
    bytes[end++] = QUOTE;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit < 0x20 || unit > 0x7e || unit === QUOTE || unit === BACKSLASH) {
        this.#utf8(JSON.stringify(value));
        return this;
      }
      bytes[end++] = unit;
    }
    bytes[end++] = QUOTE;
    this.#end = end;
    return this;
  }

  whole(value: number | null): this {
    if (value === null) return this.add(NULL);
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) return this.add(piece(String(value)));
    if (value > LARGEST_SMALL) {
      const millions = Math.floor(value / MILLION);
      this.whole(millions).#digits(value - millions * MILLION, MILLION_DIGITS);
      return this;
    }
    let count = 1;
    for (let least = 10; least <= value; least *= 10) count++;
    this.#digits(value, count);
    return this;
  }

  tenths(ms: number): this {
    const all = Math.round(ms * 10);
    const rest = all % 10;
    this.whole((all - rest) / 10);
    return rest === 0 ? this : this.add(POINT).whole(rest);
  }

  /** `value` fits 31 bits: dividing larger ones takes several times as long. */
  #digits(value: number, count: number): void {
    this.#reserve(count);
    const bytes = this.#bytes;
    const end = this.#end + count;
    let rest = value | 0;
    for (let at = end - 1; at >= this.#end; at--) {
      const tens = (rest / 10) | 0;
      bytes[at] = ZERO + (rest - tens * 10);
      rest = tens;
    }
    this.#end = end;
  }

  #utf8(text: string): void {
    // UTF-8 takes at most three bytes for a unit of a string.
    this.#reserve(text.length * 3);
    this.#end += this.#bytes.write(text, this.#end, "utf8");
  }

  #endLine(): void {
    const first = this.#line === 0;
    this.#line = this.#end;
    if (first) this.#onWaiting();
    if (this.#bytes.length <= GATHERED_BYTES) return;
    // A line beyond all bounds: its room is not kept.
    this.handOver();
    this.#bytes = NOTHING;
  }

  /** Room for so much more of the line. */
  #reserve(more: number): void {
    if (this.#end + more <= this.#bytes.length) return;
    this.handOver();
    if (this.#end + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(GATHERED_BYTES, 2 * (this.#end + more)));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

const NOTHING = Buffer.alloc(0);
const NEWLINE = piece("\n");
const POINT = piece(".");
const NULL = piece("null");
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const LARGEST_SMALL = 2 ** 31 - 1;
const MILLION = 1_000_000;
const MILLION_DIGITS = 6;
