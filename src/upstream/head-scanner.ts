/** Scans the head of an answer (status line and header lines), byte by byte and resumable at any byte; refuses what RFC 9112 forbids. */
import type { HeadNames } from "./head-names.ts";
import { KnownHeads } from "./known-heads.ts";
import { ResponseFraming } from "./response-framing.ts";

/** Bytes of status line and headers together. */
const MAX_HEAD = 64 * 1024;
const MAX_LINES = 256;

/** `scan` returns one of these, or the offset of the first byte after the head. */
export const HEAD_INCOMPLETE = -1;
export const HEAD_REFUSED = -2;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;
const VERSION_PREFIX = Buffer.from("HTTP/1.");

const NO_HEADERS: string[] = [];

const STATUS_LINE = 0;
const LINE_LF = 1;
const LINE_START = 2;
const NAME = 3;
const VALUE_START = 4;
const VALUE = 5;
const END_LF = 6;

/** RFC 9110 5.6.2: what a header name is made of. */
export const TOKEN_BYTE = byteTable(
  "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
);
/** The lower case of a name byte, 0 for any other: names are lowered in place, a string method costs more than all the rest. */
const LOWER_TOKEN = TOKEN_BYTE.map((member, byte) =>
  member === 0 ? 0 : byte >= 65 && byte <= 90 ? byte + 32 : byte,
);
/** RFC 9110 5.5: tab, space, visible bytes and obs-text; no other control byte. */
export const VALUE_BYTE = valueTable();

export class HeadScanner {
  status = 0;
  /** 0 or 1: the minor version. */
  minor = 1;
  /** Name and value in turn, names in lower case; a new list for every answer. */
  headers: string[] = NO_HEADERS;
  /** What it has in common with other heads; null = none of them is known. */
  names: HeadNames | null = null;
  readonly framing = new ResponseFraming();
  /** Why the head was refused. */
  refusal = "";
  readonly #known: KnownHeads;
  #state = STATUS_LINE;
  /** Bytes of this head that were looked at. */
  #position = 0;
  #lines = 0;
  /** Names of the last head, line by line: an origin sends the same ones each time, and a string that is known needs no copy and no hash. */
  #names: string[] = [];
  /** Start and end of each name and value, from the start of the head. */
  readonly #marks: number[] = [];
  #marked = 0;
  /** The head so far, when it did not come in one piece. */
  #kept: Buffer | null = null;
  #keptLength = 0;

  constructor(known = new KnownHeads()) {
    this.#known = known;
  }

  /** True once a byte of the head was seen. */
  get begun(): boolean {
    return this.#position > 0;
  }

  reset(): void {
    this.#state = STATUS_LINE;
    this.#position = 0;
    this.#lines = 0;
    this.#marked = 0;
    this.#kept = null;
    this.#keptLength = 0;
    // Whoever wants the headers has them: they are not kept for the next answer.
    this.headers = NO_HEADERS;
    this.names = null;
  }

  /** Goes on at `start`; returns the offset after the head, HEAD_INCOMPLETE or HEAD_REFUSED. */
  scan(bytes: Buffer, start: number, end: number): number {
    if (this.#kept === null) {
      const limit = Math.min(end, start + MAX_HEAD);
      const next = this.#scanFirst(bytes, start, limit);
      if (next === HEAD_INCOMPLETE) this.#keep(bytes, start, limit);
      return next;
    }
    const before = this.#keptLength;
    const taken = Math.min(end - start, MAX_HEAD - before);
    this.#keep(bytes, start, start + taken);
    const next = this.#run(this.#kept, 0, this.#keptLength);
    return next < 0 ? next : start + next - before;
  }

  /** Mostly the head is whole in one read, and like one that has been read before. */
  #scanFirst(bytes: Buffer, start: number, end: number): number {
    const known = this.#known;
    const after = known.recall(bytes, start, end, this.framing);
    if (after >= 0) {
      this.status = known.status;
      this.minor = known.minor;
      this.headers = known.headers;
      this.names = known.names;
      return after;
    }
    const draft = known.draft(bytes, start, end);
    const next = this.#run(bytes, start, end);
    if (draft !== null && next >= 0) {
      const { status, minor, headers } = this;
      known.learn(draft, next - start, { status, minor, headers, marks: this.#marks });
    }
    return next;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const length = this.#keptLength + end - start;
    if (this.#kept === null || this.#kept.length < length) {
      const larger = Buffer.allocUnsafe(Math.max(1024, Math.min(MAX_HEAD, length * 2)));
      if (this.#kept !== null) this.#kept.copy(larger, 0, 0, this.#keptLength);
      this.#kept = larger;
    }
    bytes.copy(this.#kept, this.#keptLength, start, end);
    this.#keptLength = length;
  }

  #run(bytes: Buffer, base: number, end: number): number {
    let at = base + this.#position;
    let state = this.#state;
    const marks = this.#marks;
    while (at < end) {
      const byte = bytes[at] as number;
      switch (state) {
        case STATUS_LINE:
          if (!this.#statusByte(byte, at - base))
            return this.#refuse("is not HTTP/1.0 or HTTP/1.1 with a three-digit status");
          if (byte === CR) state = LINE_LF;
          at += 1;
          break;
        case LINE_LF:
          if (byte !== LF) return this.#refuse("has a bare CR in its head");
          state = LINE_START;
          at += 1;
          break;
        case LINE_START:
          if (byte === CR) {
            state = END_LF;
            at += 1;
            break;
          }
          if (byte === SPACE || byte === TAB) return this.#refuse("has a folded header line");
          if (++this.#lines > MAX_LINES) return this.#refuse(`has more than ${MAX_LINES} header lines`);
          marks[this.#marked++] = at - base;
          state = NAME;
          break;
        case NAME: {
          for (; at < end; at += 1) {
            const lower = LOWER_TOKEN[bytes[at] as number] as number;
            if (lower === 0) break;
            if (lower !== bytes[at]) bytes[at] = lower;
          }
          if (at === end) break;
          if (bytes[at] !== COLON || at - base === marks[this.#marked - 1])
            return this.#refuse(nameFault(bytes[at] as number));
          marks[this.#marked++] = at - base;
          at += 1;
          state = VALUE_START;
          break;
        }
        case VALUE_START:
          if (byte === SPACE || byte === TAB) {
            at += 1;
            break;
          }
          marks[this.#marked++] = at - base;
          state = VALUE;
          break;
        case VALUE: {
          while (at < end && isPlain(bytes[at] as number)) at += 1;
          if (at === end) break;
          if (bytes[at] === TAB) {
            at += 1;
            break;
          }
          if (bytes[at] !== CR) return this.#refuse(valueFault(bytes[at] as number));
          let last = at;
          const first = base + (marks[this.#marked - 1] as number);
          while (last > first && (bytes[last - 1] === SPACE || bytes[last - 1] === TAB)) last -= 1;
          marks[this.#marked++] = last - base;
          at += 1;
          state = LINE_LF;
          break;
        }
        default:
          if (byte !== LF) return this.#refuse("has a bare CR in its head");
          return this.#finish(bytes, base, at + 1);
      }
    }
    this.#state = state;
    this.#position = at - base;
    if (this.#position >= MAX_HEAD) return this.#refuse("has a header section over 64 KiB");
    return HEAD_INCOMPLETE;
  }

  /** `HTTP/1.x nnn`, then the end of the line or a space and a reason phrase, which may be empty (RFC 9112 4). */
  #statusByte(byte: number, offset: number): boolean {
    if (offset > 12) return byte === CR || VALUE_BYTE[byte] === 1;
    if (offset < 7) return byte === VERSION_PREFIX[offset];
    if (offset === 8) return byte === SPACE;
    if (offset === 12) return byte === SPACE || byte === CR;
    const digit = byte - 48;
    if (offset === 7) {
      this.minor = digit;
      return digit === 0 || digit === 1;
    }
    if (offset === 9) {
      this.status = digit;
      return digit >= 1 && digit <= 9;
    }
    this.status = this.status * 10 + digit;
    return digit >= 0 && digit <= 9;
  }

  #finish(bytes: Buffer, base: number, end: number): number {
    const text = bytes.toString("latin1", base, end);
    const marks = this.#marks;
    const headers = new Array<string>(this.#marked >> 1);
    const framing = this.framing;
    framing.reset();
    const names = this.#names;
    for (let i = 0; i < this.#marked; i += 4) {
      const start = marks[i] as number;
      const length = (marks[i + 1] as number) - start;
      let name = names[i >> 2];
      if (name === undefined || name.length !== length || !text.startsWith(name, start)) {
        // Not a slice, which would keep the whole head.
        name = bytes.toString("latin1", base + start, base + start + length);
        names[i >> 2] = name;
      }
      const value = text.slice(marks[i + 2], marks[i + 3]);
      headers[i >> 1] = name;
      headers[(i >> 1) + 1] = value;
      if (!framing.read(name, value)) return this.#refuse(framing.refusal);
    }
    this.headers = headers;
    return end;
  }

  #refuse(why: string): number {
    this.refusal = why;
    return HEAD_REFUSED;
  }
}

/** `VALUE_BYTE` but for the tab, without a table: this runs over every byte of every header. */
function isPlain(byte: number): boolean {
  return byte >= SPACE && byte !== 127;
}

function nameFault(byte: number): string {
  return byte === SPACE || byte === TAB
    ? "has a space in a header name"
    : "has a header line without a proper name";
}

function valueFault(byte: number): string {
  if (byte === LF) return "has a bare LF in its head";
  return byte === 0 ? "has a NUL in a header" : "has a control character in a header";
}

function byteTable(members: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const member of members) table[member.charCodeAt(0)] = 1;
  return table;
}

function valueTable(): Uint8Array {
  const table = new Uint8Array(256).fill(1, SPACE);
  table[TAB] = 1;
  table[127] = 0;
  return table;
}
