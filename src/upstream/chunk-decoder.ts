/** Takes chunk frames off a body in place, resumable at any byte; extensions are ignored, trailers read and dropped (RFC 9112 7.1). */
import { TOKEN_BYTE, VALUE_BYTE } from "./head-scanner.ts";

const MAX_CHUNK_SIZE = 2 ** 31;
/** Size, extensions and all: endless extensions are a known attack (CVE-2024-22019). */
const MAX_SIZE_LINE = 16 * 1024;
const MAX_TRAILERS = 8 * 1024;

/** Far less than the limit: 256 MiB. */
const PLAIN_DIGITS = 7;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;
const SEMICOLON = 59;

const SIZE_FIRST = 0;
const SIZE = 1;
const SIZE_SPACE = 2;
const EXTENSION = 3;
const SIZE_LF = 4;
const DATA = 5;
const DATA_CR = 6;
const DATA_LF = 7;
const TRAILER_START = 8;
const TRAILER_NAME = 9;
const TRAILER_VALUE = 10;
const TRAILER_LF = 11;
const FINAL_LF = 12;

export class ChunkDecoder {
  refusal = "";
  done = false;
  /** Where the data of the last `decode` lies, in the bytes that were given: one piece, whatever the frames were. */
  viewStart = 0;
  viewEnd = 0;
  #state = SIZE_FIRST;
  #left = 0;
  #lineBytes = 0;
  #trailerBytes = 0;

  reset(): void {
    this.done = false;
    this.refusal = "";
    this.#state = SIZE_FIRST;
    this.#trailerBytes = 0;
  }

  /** Decodes until `end`, the last byte of the body or a refusal; moves the data of several chunks together. Returns the next offset. */
  decode(bytes: Buffer, at: number, end: number): number {
    this.viewStart = at;
    this.viewEnd = at;
    while (at < end) {
      if (this.#state === DATA) {
        at = this.#data(bytes, at, end);
        continue;
      }
      if (this.#state === DATA_CR && at + 1 < end && bytes[at] === CR && bytes[at + 1] === LF) {
        this.#state = SIZE_FIRST;
        at += 2;
        continue;
      }
      if (this.#state === SIZE_FIRST) {
        const next = this.#plainSize(bytes, at, end);
        if (next > at) {
          at = next;
          continue;
        }
      }
      if (!this.#frame(bytes[at] as number)) return at;
      at += 1;
      if (this.done) return at;
    }
    return at;
  }

  #data(bytes: Buffer, at: number, end: number): number {
    const taken = Math.min(this.#left, end - at);
    if (this.viewStart === this.viewEnd) {
      this.viewStart = at;
      this.viewEnd = at;
    } else {
      bytes.copyWithin(this.viewEnd, at, at + taken);
    }
    this.viewEnd += taken;
    this.#left -= taken;
    if (this.#left === 0) this.#state = DATA_CR;
    return at + taken;
  }

  /** A size line as nearly all are, digits and its end: the first byte behind it. `at` = another, or not whole. */
  #plainSize(bytes: Buffer, at: number, end: number): number {
    const last = Math.min(end - 1, at + PLAIN_DIGITS);
    let size = 0;
    let position = at;
    for (; position < last; position++) {
      const byte = bytes[position] as number;
      if (byte === CR) break;
      const digit = hexDigit(byte);
      if (digit < 0) return at;
      size = size * 16 + digit;
    }
    if (size === 0 || position >= end - 1 || bytes[position] !== CR || bytes[position + 1] !== LF) return at;
    this.#left = size;
    this.#state = DATA;
    return position + 2;
  }

  /** One byte outside the data; false = refused. */
  #frame(byte: number): boolean {
    switch (this.#state) {
      case SIZE_FIRST:
        this.#left = 0;
        this.#lineBytes = 0;
        return this.#digit(byte) || this.#refuse("has a chunk without a size");
      case SIZE:
        return this.#digit(byte) || this.#afterSize(byte);
      case SIZE_SPACE:
        if (byte === CR) return this.#refuse("has junk after a chunk size");
        return this.#afterSize(byte);
      case EXTENSION:
        if (byte === CR) return this.#go(SIZE_LF);
        if (++this.#lineBytes > MAX_SIZE_LINE) return this.#refuse("has an endless chunk extension");
        return VALUE_BYTE[byte] === 1 || this.#refuse("has a control character in a chunk extension");
      case SIZE_LF:
        if (byte !== LF) return this.#refuse("has a bare CR after a chunk size");
        return this.#go(this.#left === 0 ? TRAILER_START : DATA);
      case DATA_CR:
        return byte === CR ? this.#go(DATA_LF) : this.#refuse("has a chunk that is longer than its size");
      case DATA_LF:
        return byte === LF ? this.#go(SIZE_FIRST) : this.#refuse("has a chunk that is longer than its size");
      default:
        return this.#trailer(byte);
    }
  }

  #digit(byte: number): boolean {
    const digit = hexDigit(byte);
    if (digit < 0) return false;
    this.#left = this.#left * 16 + digit;
    if (this.#left > MAX_CHUNK_SIZE) return this.#refuse("has a chunk over 2 GiB");
    if (++this.#lineBytes > MAX_SIZE_LINE) return this.#refuse("has an endless chunk size");
    return this.#go(SIZE);
  }

  /** RFC 9112 7.1.1: white space is allowed before a semicolon only. */
  #afterSize(byte: number): boolean {
    if (this.refusal !== "") return false;
    if (byte === CR) return this.#go(SIZE_LF);
    if (byte === SEMICOLON) return this.#go(EXTENSION);
    if (byte !== SPACE && byte !== TAB) return this.#refuse("has junk after a chunk size");
    if (++this.#lineBytes > MAX_SIZE_LINE) return this.#refuse("has an endless chunk size");
    return this.#go(SIZE_SPACE);
  }

  #trailer(byte: number): boolean {
    if (++this.#trailerBytes > MAX_TRAILERS) return this.#refuse("has trailers over 8 KiB");
    switch (this.#state) {
      case TRAILER_START:
        if (byte === CR) return this.#go(FINAL_LF);
        return TOKEN_BYTE[byte] === 1 ? this.#go(TRAILER_NAME) : this.#refuse("has a malformed trailer");
      case TRAILER_NAME:
        if (byte === COLON) return this.#go(TRAILER_VALUE);
        return TOKEN_BYTE[byte] === 1 || this.#refuse("has a malformed trailer");
      case TRAILER_VALUE:
        if (byte === CR) return this.#go(TRAILER_LF);
        return VALUE_BYTE[byte] === 1 || this.#refuse("has a malformed trailer");
      case TRAILER_LF:
        return byte === LF ? this.#go(TRAILER_START) : this.#refuse("has a malformed trailer");
      default:
        this.done = byte === LF;
        return this.done || this.#refuse("has a malformed trailer");
    }
  }

  #go(state: number): true {
    this.#state = state;
    return true;
  }

  #refuse(why: string): false {
    if (this.refusal === "") this.refusal = why;
    return false;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}
