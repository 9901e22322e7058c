/** Lines gathered as bytes and handed over many at a time: a string that waits is copied, measured and collected once per line. */
import { type Piece, piece, WORD, writePiece } from "../base/piece.ts";

/**
 * Handed over at the latest when so much is there. A pipe's writer wakes another thread for each: few are cheaper than
 * many. But pino keeps the last one until the next: one that lives through two collections of young objects is
 * collected with the old ones only, and when these were due every second for its sake, compiled code went with them.
 */
const GATHERED_BYTES = 16 * 1024;

/** A line of JSON, put together piece by piece. */
export interface LineWriter {
  add(piece: Piece): LineWriter;
  /** Text that is JSON. */
  text(json: string): LineWriter;
  /** A string of JSON, quoted and escaped. */
  quoted(value: string): LineWriter;
  /** A whole number; `null` as JSON's. */
  whole(value: number | null): LineWriter;
  /** The last three digits of a number below 1000. */
  threeDigits(value: number): LineWriter;
  /** Milliseconds with a tenth's resolution. */
  tenths(ms: number): LineWriter;
  /** `whole` behind a piece. */
  count(name: Piece, value: number | null): LineWriter;
  /** `tenths` behind a piece. */
  duration(name: Piece, ms: number): LineWriter;
  /** Ends the line. `last`: what its newline is part of. */
  finish(last?: Piece): void;
}

export class GatheredLines implements LineWriter {
  readonly #take: (bytes: Buffer) => void;
  readonly #onWaiting: () => void;
  #bytes = NOTHING;
  #room = 0;
  #view = new DataView(NOTHING.buffer);
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
    this.text(line).#endLine();
  }

  finish(last: Piece = NEWLINE): void {
    this.add(last).#endLine();
  }

  handOver(): void {
    if (this.#line === 0) return;
    this.#take(this.#bytes.subarray(0, this.#line));
    this.#bytes.copyWithin(0, this.#line, this.#end);
    this.#end -= this.#line;
    this.#line = 0;
  }

  add(piece: Piece): this {
    this.#reserve(piece.length + WORD);
    this.#end = writePiece(this.#view, this.#end, piece);
    return this;
  }

  text(json: string): this {
    // UTF-8 takes at most three bytes for a unit of a string.
    this.#reserve(json.length * 3);
    this.#end += this.#bytes.write(json, this.#end, "utf8");
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
      if (unit < 0x20 || unit > 0x7e || unit === QUOTE || unit === BACKSLASH)
        return this.text(JSON.stringify(value));
      bytes[end++] = unit;
    }
    bytes[end++] = QUOTE;
    this.#end = end;
    return this;
  }

  whole(value: number | null): this {
    if (value === null) return this.add(NULL);
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) return this.text(String(value));
    if (value < 1000) return this.#digits(value | 0, value < 10 ? 1 : value < 100 ? 2 : 3);
    const thousands = Math.floor(value / 1000);
    return this.whole(thousands).threeDigits((value - thousands * 1000) | 0);
  }

  threeDigits(value: number): this {
    return this.#digits(value, 3);
  }

  tenths(ms: number): this {
    const all = Math.round(ms * 10);
    const units = Math.trunc(all / 10);
    const rest = all - units * 10;
    this.whole(units);
    if (!(rest > 0)) return this;
    this.#reserve(WORD);
    this.#view.setInt16(this.#end, POINT | ((ZERO + rest) << 8), true);
    this.#end += 2;
    return this;
  }

  // Both at once, for the small numbers that nearly all are: apart, each looks for room and for the end anew.
  count(name: Piece, value: number | null): this {
    if (value === null || !(value >= 0 && value < 1000)) return this.add(name).whole(value);
    this.#reserve(name.length + 2 * WORD);
    const view = this.#view;
    const at = writePiece(view, this.#end, name);
    const count = value < 10 ? 1 : value < 100 ? 2 : 3;
    view.setInt32(at, lastDigits(value | 0, count), true);
    this.#end = at + count;
    return this;
  }

  duration(name: Piece, ms: number): this {
    const all = Math.round(ms * 10);
    if (!(all >= 0 && all < 10_000)) return this.add(name).tenths(ms);
    this.#reserve(name.length + 2 * WORD);
    const view = this.#view;
    const at = writePiece(view, this.#end, name);
    const units = Math.floor(all / 10);
    const rest = all - units * 10;
    const count = units < 10 ? 1 : units < 100 ? 2 : 3;
    view.setInt32(at, lastDigits(units, count), true);
    if (rest > 0) view.setInt16(at + count, POINT | ((ZERO + rest) << 8), true);
    this.#end = at + (rest > 0 ? count + 2 : count);
    return this;
  }

  /** The last `count` digits of a whole number below 1000. */
  #digits(value: number, count: number): this {
    this.#reserve(WORD);
    this.#view.setInt32(this.#end, lastDigits(value, count), true);
    this.#end += count;
    return this;
  }

  #endLine(): void {
    const first = this.#line === 0;
    this.#line = this.#end;
    if (first) this.#onWaiting();
    if (this.#room <= GATHERED_BYTES) return;
    // A line beyond all bounds: its room is not kept.
    this.handOver();
    this.#hold(NOTHING);
  }

  /** Room for so much more of the line. */
  #reserve(more: number): void {
    if (this.#end + more <= this.#room) return;
    this.handOver();
    if (this.#end + more <= this.#room) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(GATHERED_BYTES, 2 * (this.#end + more)));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#hold(larger);
  }

  /** Bytes that have their memory to themselves. */
  #hold(bytes: Buffer<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#room = bytes.length;
    this.#view = new DataView(bytes.buffer);
  }
}

const NOTHING = Buffer.alloc(0);
const NEWLINE = piece("\n");
const NULL = piece("null");
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const POINT = 0x2e;
const ZERO = 0x30;
/** "000" to "999", each in the lower three bytes of a number. */
const THREE_DIGITS = Array.from(
  { length: 1000 },
  (_, value) =>
    (ZERO + Math.floor(value / 100)) |
    ((ZERO + (Math.floor(value / 10) % 10)) << 8) |
    ((ZERO + (value % 10)) << 16),
);

/** The last `count` digits of a whole number below 1000, the first in the lowest byte. */
function lastDigits(value: number, count: number): number {
  return (THREE_DIGITS[value] as number) >> (8 * (3 - count));
}
