/** Remembers heads of an origin: its next answer has the same lines but for some values, and what is the same bytes needs no second reading. */
import { countSame } from "../base/byte-runs.ts";
import { memoryView } from "../base/memory-view.ts";
import { HeadNames } from "./head-names.ts";
import { framesAnswer, type ResponseFraming } from "./response-framing.ts";

/** An origin's whole answers and its streams have other lines. */
const MAX_HEADS = 2;
/** Of a head that is remembered. */
const MAX_BYTES = 4096;
/** One head in so many that are like none is learned: where no two are alike, there is nothing to gain. */
const LEARNED_EVERY = 4;
/** One head in so many that has other values is taken as the known one from then on: a date is the same for a second, a quota's limit for months. */
const RENEWED_EVERY = 16;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;

/** What the scanner read out of a head. */
export interface ReadHead {
  readonly status: number;
  readonly minor: number;
  readonly headers: string[];
  /** Of each line, from the start of the head: start and end of the name, start and end of the value. */
  readonly marks: readonly number[];
}

interface KnownHead extends ReadHead {
  /** Not written to: callers have it. */
  headers: string[];
  /** As it came: names may be in capitals. A head with a NUL is refused, never known. */
  readonly bytes: DataView;
  readonly names: HeadNames;
  /** Heads that were like it but for some values. */
  changed: number;
  /** The lines that say how the body ends. */
  readonly framing: readonly number[];
}

export class KnownHeads {
  /** Of the head that was recalled. */
  status = 0;
  minor = 1;
  headers: string[] = [];
  names: HeadNames | null = null;
  /** The last one that served comes first. */
  readonly #heads: KnownHead[] = [];
  #unlike = 0;
  /** Line, start and end of each value that is another one. */
  readonly #changes: number[] = [];
  #changed = 0;

  /** Reads the head at `start` with the help of one that is known; returns the offset after it, -1 when it is like none or not whole. */
  recall(bytes: Buffer, start: number, end: number, framing: ResponseFraming): number {
    const heads = this.#heads;
    if (heads.length === 0) return -1;
    const view = memoryView(bytes, end);
    for (let i = 0; i < heads.length; i++) {
      const known = heads[i] as KnownHead;
      const next = this.#compare(known, bytes, view, start, end);
      if (next < 0) continue;
      if (i > 0) {
        heads[i] = heads[0] as KnownHead;
        heads[0] = known;
      }
      this.status = known.status;
      this.minor = known.minor;
      this.names = known.names;
      this.headers = this.#changed === 0 ? known.headers : this.#withChanges(known.headers, bytes);
      if (this.#changed > 0 && ++known.changed % RENEWED_EVERY === 0) this.#renew(known, bytes);
      return readFraming(framing, known.framing, this.headers) ? next : -1;
    }
    return -1;
  }

  /** The bytes to learn from once they have been read; null = not from these. The scanner writes into them. */
  draft(bytes: Buffer, start: number, end: number): Uint8Array | null {
    if (this.#unlike++ % LEARNED_EVERY !== 0) return null;
    return new Uint8Array(bytes.subarray(start, Math.min(end, start + MAX_BYTES)));
  }

  /** `draft` begins with the head, of `length` bytes. */
  learn(draft: Uint8Array, length: number, { status, minor, headers, marks }: ReadHead): void {
    if (length > draft.length) return;
    const framing: number[] = [];
    for (let i = 0; i < headers.length; i += 2) if (framesAnswer(headers[i] as string)) framing.push(i);
    const bytes = new DataView(draft.slice(0, length).buffer);
    this.#heads.unshift({
      bytes,
      names: new HeadNames(),
      changed: 0,
      status,
      minor,
      headers,
      marks: marks.slice(0, headers.length * 2),
      framing,
    });
    if (this.#heads.length > MAX_HEADS) this.#heads.pop();
  }

  #compare(known: KnownHead, bytes: Buffer, view: DataView, start: number, end: number): number {
    const { marks } = known;
    const length = known.bytes.byteLength;
    const lines = marks.length >> 2;
    const offset = bytes.byteOffset;
    this.#changed = 0;
    let at = start;
    let from = 0;
    let line = 0;
    for (;;) {
      const same = countSame(view, offset + at, known.bytes, from, Math.min(end - at, length - from));
      at += same;
      from += same;
      if (from === length) return at;
      while (line + 1 < lines && from >= (marks[4 * line + 4] as number)) line++;
      const lineEnd = line + 1 < lines ? (marks[4 * line + 4] as number) : length - 2;
      const first = at + (marks[4 * line + 2] as number) - from;
      // Another status or name, more white space before the value, no LF where there was one, or no more bytes.
      if (lines === 0 || at < first || from > lineEnd - 2 || at >= end) return -1;
      if (at === first && isBlank(bytes[at] as number)) return -1;
      at = endOfValue(bytes, at, end);
      if (at + 1 >= end || bytes[at] !== CR || bytes[at + 1] !== LF) return -1;
      let last = at;
      while (last > first && isBlank(bytes[last - 1] as number)) last--;
      this.#change(line, first, last);
      at += 2;
      from = lineEnd;
    }
  }

  #change(line: number, first: number, last: number): void {
    const changes = this.#changes;
    changes[this.#changed] = line;
    changes[this.#changed + 1] = first;
    changes[this.#changed + 2] = last;
    this.#changed += 3;
  }

  #withChanges(known: readonly string[], bytes: Buffer): string[] {
    const headers = known.slice();
    const changes = this.#changes;
    const start = changes[1] as number;
    const text = bytes.toString("latin1", start, changes[this.#changed - 1]);
    for (let i = 0; i < this.#changed; i += 3) {
      const value = text.slice((changes[i + 1] as number) - start, (changes[i + 2] as number) - start);
      headers[2 * (changes[i] as number) + 1] = value;
    }
    return headers;
  }

  /** Values that fill the same place become the known ones. */
  #renew(known: KnownHead, bytes: Buffer): void {
    const { marks } = known;
    const changes = this.#changes;
    const headers = known.headers.slice();
    for (let i = 0; i < this.#changed; i += 3) {
      const line = changes[i] as number;
      const first = changes[i + 1] as number;
      const last = changes[i + 2] as number;
      const from = marks[4 * line + 2] as number;
      const to = marks[4 * line + 3] as number;
      // White space behind a value is no part of it, but of the place.
      if (last - first !== to - from || bytes[last] !== CR || known.bytes.getUint8(to) !== CR) continue;
      for (let at = 0; at < to - from; at++) known.bytes.setUint8(from + at, bytes[first + at] as number);
      headers[2 * line + 1] = bytes.toString("latin1", first, last);
    }
    known.headers = headers;
  }
}

/** The first byte at or after `at` that no value may hold. */
function endOfValue(bytes: Buffer, at: number, end: number): number {
  for (; at < end; at++) {
    const byte = bytes[at] as number;
    if ((byte < SPACE && byte !== TAB) || byte === 127) break;
  }
  return at;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

function readFraming(
  framing: ResponseFraming,
  lines: readonly number[],
  headers: readonly string[],
): boolean {
  framing.reset();
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] as number;
    if (!framing.read(headers[line] as string, headers[line + 1] as string)) return false;
  }
  return true;
}
