/** The bytes of heads that differ in a few values only: what stays is written once, a value where the last one stood. */
import type { HeaderList } from "../base/headers.ts";
import { piece, writePiece } from "../base/piece.ts";
import type { ServerTimes } from "../base/server-timing.ts";

/** Bytes of all values that change; a head with longer ones is not written here. */
const VALUE_BYTES = 1024;
/** At most what the line of the times takes. */
export const TIMES_BYTES = 160;
/** Of the times' digits: what is longer is not written here. */
const MAX_TENTHS = 1e9;
/** Not compared any more once it was another one so often in a row. */
const FICKLE = 64;
/** Views are kept of heads whose values and times have fewer bytes in all. */
const KEPT_VIEWS = 256;

export class HeadBytes {
  readonly #texts: readonly Buffer[];
  readonly #places: readonly number[];
  readonly #textBytes: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #words: DataView;
  /** The values that stand there now; null = not known. */
  readonly #values: (string | null)[];
  /** Of those values. */
  readonly #lengths: number[];
  /** How often in a row each was another one. */
  readonly #changes: number[];
  /** Of a head by the bytes of its values and times: making one costs as much as writing two values. */
  readonly #views: (Uint8Array | undefined)[] = [];

  /** `texts`: what stands before each value, and after the last one. `places`: of the values in a list of headers. */
  constructor(texts: readonly string[], places: readonly number[]) {
    this.#texts = texts.map((text) => Buffer.from(text, "utf8"));
    this.#places = places;
    this.#textBytes = this.#texts.reduce((sum, text) => sum + text.length, 0);
    this.#bytes = new Uint8Array(this.#textBytes + VALUE_BYTES + TIMES_BYTES);
    this.#words = new DataView(this.#bytes.buffer);
    this.#values = places.map(() => null);
    this.#lengths = places.map(() => 0);
    this.#changes = places.map(() => 0);
    this.#moveTexts(0);
  }

  /** The head with these, valid until the next call; null when a value is long, or is more than printable ASCII. */
  write(headers: HeaderList, times: ServerTimes | null): Uint8Array | null {
    const places = this.#places;
    const lengths = this.#lengths;
    let total = 0;
    let moved = -1;
    for (let i = 0; i < places.length; i++) {
      const { length } = headers[places[i] as number] ?? "";
      total += length;
      if (length === lengths[i]) continue;
      if (moved < 0) moved = i;
      lengths[i] = length;
    }
    if (total > VALUE_BYTES) {
      // Nothing was moved: next time all of it is, whatever has the same length again.
      lengths.fill(-1);
      return null;
    }
    if (moved >= 0) {
      for (let i = moved; i < places.length; i++) this.#values[i] = null;
      this.#moveTexts(moved + 1);
    }
    if (!this.#writeValues(headers)) return null;
    const end = this.#textBytes + total;
    return this.#view(times === null ? end : writeTimes(this.#bytes, this.#words, end, times));
  }

  #writeValues(headers: HeaderList): boolean {
    const places = this.#places;
    const lengths = this.#lengths;
    const texts = this.#texts;
    const values = this.#values;
    const changes = this.#changes;
    let at = 0;
    for (let i = 0; i < places.length; i++) {
      at += (texts[i] as Buffer).length;
      const value = headers[places[i] as number] ?? "";
      // To compare what is another one each time would cost as much as to write it.
      const count = changes[i] as number;
      if (count >= FICKLE || value !== values[i]) {
        if (!writeValue(this.#bytes, at, value)) {
          values[i] = null;
          return false;
        }
        values[i] = value;
        if (count < FICKLE) changes[i] = count + 1;
      } else if (count > 0) changes[i] = 0;
      at += lengths[i] as number;
    }
    return true;
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

  #view(end: number): Uint8Array | null {
    const more = end - this.#textBytes;
    if (more < 0) return null;
    const kept = this.#views[more];
    if (kept !== undefined) return kept;
    const view = new Uint8Array(this.#bytes.buffer, 0, end);
    if (more < KEPT_VIEWS) this.#views[more] = view;
    return view;
  }
}

/** False: it holds a character that is not printable ASCII. */
function writeValue(bytes: Uint8Array, start: number, value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e) return false;
    bytes[start + i] = unit;
  }
  return true;
}

/** Where the line ends; -1 = a time has more digits than there is room for. */
function writeTimes(
  bytes: Uint8Array,
  words: DataView,
  start: number,
  { queue, policy, upstream, total }: ServerTimes,
): number {
  if (!(queue < MAX_TENTHS && policy < MAX_TENTHS && upstream < MAX_TENTHS && total < MAX_TENTHS)) return -1;
  let at = writeTenths(bytes, writePiece(words, start, QUEUE), queue);
  at = writeTenths(bytes, writePiece(words, at, POLICY), policy);
  at = writeTenths(bytes, writePiece(words, at, UPSTREAM), upstream);
  return writeTenths(bytes, writePiece(words, at, TOTAL), total);
}

const QUEUE = piece("\r\nserver-timing: queue;dur=");
const POLICY = piece(", policy;dur=");
const UPSTREAM = piece(", upstream;dur=");
const TOTAL = piece(", total;dur=");

/** A whole number of tenths as a decimal number, without a tenth that is none. Returns where it ends. */
function writeTenths(bytes: Uint8Array, at: number, tenths: number): number {
  // Integers throughout: V8 would divide, and take the rest, as of fractions.
  let whole = (tenths / 10) | 0;
  const tenth = (tenths - whole * 10) | 0;
  let digits = 1;
  for (let rest = (whole / 10) | 0; rest > 0; rest = (rest / 10) | 0) digits++;
  const end = at + digits;
  for (let i = end - 1; i >= at; i--) {
    const next = (whole / 10) | 0;
    bytes[i] = 0x30 + whole - next * 10;
    whole = next;
  }
  if (tenth === 0) return end;
  bytes[end] = 0x2e;
  bytes[end + 1] = 0x30 + tenth;
  return end + 2;
}
