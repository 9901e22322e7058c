/** The text a relayed stream has delivered, as JSON-escaped bytes as received, for a continuation; bounded. */
import { freeMemory } from "../base/buffer-memory.ts";

/** Most answers are short, and a thousand of them may be open at once. */
const FIRST = 256;
/** Bytes that are worth a call. */
const MANY = 48;
const EMPTY = Buffer.alloc(0);

/** Who gives it knows the end of it all. */
export interface KeptMemory {
  /** Takes memory, or gives it back (less than 0); false: there is none. */
  keep(bytes: number): boolean;
}

export interface KeepOptions {
  /** Bytes of text at most; 0 = none. */
  readonly keepText: number;
  /** For the text, which is given up where there is none. */
  readonly memory?: KeptMemory;
}

export class EscapedText {
  readonly #cap: number;
  readonly #memory: KeptMemory | undefined;
  #buffer: Buffer = EMPTY;
  #length = 0;
  #given = false;

  constructor({ keepText, memory }: KeepOptions) {
    this.#cap = keepText;
    this.#memory = memory;
    this.#given = keepText <= 0;
  }

  /** Adds the inside of a JSON string, [start, end) of `bytes`. Past the cap, and without memory for it, everything is dropped for good. */
  append(bytes: Uint8Array, start: number, end: number): void {
    if (this.#given || end <= start) return;
    const length = this.#length + end - start;
    if (length > this.#cap) {
      this.giveUp();
      return;
    }
    if (length > this.#buffer.length) {
      const size = Math.min(this.#cap, Math.max(FIRST, 2 * length));
      if (this.#memory?.keep(size - this.#buffer.length) === false) {
        this.giveUp();
        return;
      }
      const grown = Buffer.allocUnsafeSlow(size);
      this.#buffer.copy(grown, 0, 0, this.#length);
      freeMemory(this.#buffer.buffer);
      this.#buffer = grown;
    }
    // A word is copied sooner than a view of it is made.
    if (end - start > MANY) this.#buffer.set(bytes.subarray(start, end), this.#length);
    else for (let at = start, to = this.#length; at < end; at++, to++) this.#buffer[to] = bytes[at] as number;
    this.#length = length;
  }

  /** No continuation is possible any more (a tool call, a second candidate, log probabilities). */
  giveUp(): void {
    this.#given = true;
    if (this.#buffer.length > 0) this.#memory?.keep(-this.#buffer.length);
    freeMemory(this.#buffer.buffer);
    this.#buffer = EMPTY;
    this.#length = 0;
  }

  /** A view of what was kept, until more is added; null once given up. */
  get bytes(): Buffer | null {
    return this.#given ? null : this.#buffer.subarray(0, this.#length);
  }
}
