/** Lines gathered as bytes and handed over many at a time: a string that waits is copied, measured and collected once per line. */

/** Handed over at the latest when so much is there. */
const GATHERED_BYTES = 16 * 1024;

export class GatheredLines {
  readonly #take: (bytes: Buffer) => void;
  #bytes: Buffer | null = null;
  #end = 0;

  /** `take` gets bytes it may keep. */
  constructor(take: (bytes: Buffer) => void) {
    this.#take = take;
  }

  add(line: string): void {
    // UTF-8 takes at most three bytes for a unit of a string.
    const most = line.length * 3;
    if (this.#end + most > GATHERED_BYTES) this.handOver();
    if (most > GATHERED_BYTES) {
      this.#take(Buffer.from(line, "utf8"));
      return;
    }
    this.#bytes ??= Buffer.allocUnsafeSlow(GATHERED_BYTES);
    this.#end += this.#bytes.write(line, this.#end, "utf8");
  }

  handOver(): void {
    if (this.#bytes === null) return;
    this.#take(this.#bytes.subarray(0, this.#end));
    this.#bytes = null;
    this.#end = 0;
  }
}
