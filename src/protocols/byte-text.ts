/** Small tests on bytes of an event, for inspectors that do not parse. */

/** True when the bytes at `at` spell `text` (ASCII). */
export function spells(buffer: Buffer, at: number, length: number, text: string): boolean {
  if (length !== text.length) return false;
  for (let i = 0; i < length; i++) {
    if (buffer[at + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** The closing quote of the string whose opening quote stands at `at`; -1 when it does not end before `end`. */
export function closingQuote(buffer: Buffer, at: number, end: number): number {
  let position = at + 1;
  while (position < end) {
    const byte = buffer[position];
    if (byte === 0x22) return position;
    position += byte === 0x5c ? 2 : 1;
  }
  return -1;
}

export function afterSpace(buffer: Buffer, at: number, end: number): number {
  let position = at;
  while (position < end) {
    const byte = buffer[position];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    position++;
  }
  return position;
}

/** Collects the JSON-escaped text that was delivered, up to a cap; beyond it, or when told to, it gives up for good. */
export class TextKeeper {
  #buffer: Buffer;
  #length = 0;
  #lost: boolean;
  readonly #cap: number;

  constructor(cap: number) {
    this.#cap = cap;
    this.#lost = cap <= 0;
    this.#buffer = EMPTY;
  }

  append(bytes: Buffer, start: number, end: number): void {
    if (this.#lost || end <= start) return;
    const length = this.#length + end - start;
    if (length > this.#cap) {
      this.giveUp();
      return;
    }
    if (length > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(this.#cap, Math.max(512, 2 * length)));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    bytes.copy(this.#buffer, this.#length, start, end);
    this.#length = length;
  }

  giveUp(): void {
    this.#lost = true;
    this.#buffer = EMPTY;
    this.#length = 0;
  }

  /** The text; null once given up. A view, valid until the next `append`. */
  get text(): Buffer | null {
    return this.#lost ? null : this.#buffer.subarray(0, this.#length);
  }
}

const EMPTY = Buffer.alloc(0);
