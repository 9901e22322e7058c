/** The text a relayed stream has delivered, as JSON-escaped bytes as received, for a continuation; bounded. */

const FIRST = 4096;
const EMPTY = Buffer.alloc(0);

export class EscapedText {
  readonly #cap: number;
  #buffer: Buffer = EMPTY;
  #length = 0;
  #given = false;

  /** `cap` in bytes; 0 = keep nothing. */
  constructor(cap: number) {
    this.#cap = cap;
    this.#given = cap <= 0;
  }

  /** Adds the inside of a JSON string, [start, end) of `bytes`. Past the cap everything is dropped for good. */
  append(bytes: Uint8Array, start: number, end: number): void {
    if (this.#given || end <= start) return;
    const length = this.#length + end - start;
    if (length > this.#cap) {
      this.giveUp();
      return;
    }
    if (length > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#cap, Math.max(FIRST, 2 * length)));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    this.#buffer.set(bytes.subarray(start, end), this.#length);
    this.#length = length;
  }

  /** No continuation is possible any more (a tool call, a second candidate, log probabilities). */
  giveUp(): void {
    this.#given = true;
    this.#buffer = EMPTY;
    this.#length = 0;
  }

  /** A view of what was kept; null once given up. */
  get bytes(): Buffer | null {
    return this.#given ? null : this.#buffer.subarray(0, this.#length);
  }
}
