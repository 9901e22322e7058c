/** Where the small pieces of all streams wait for the end of the turn of the event loop: one buffer, empty between turns. */

/** Room for some 300 events; pieces beyond it are sent at once. */
const SPACE_BYTES = 64 * 1024;

/** Unlike `set` it needs no view of a part. */
const { copy } = Buffer.prototype;

/** A stretch of it belongs to one stream, which remembers where it starts and how long it is. */
export class TurnSpace {
  private readonly memory = new ArrayBuffer(SPACE_BYTES);
  private readonly bytes = Buffer.from(this.memory);
  private top = 0;
  private holders = 0;

  /** Puts [pieceStart, pieceEnd) of `piece` behind the `length` bytes at `start` (0 bytes: a new stretch). The stretch's start; -1 = no room. */
  append(
    start: number,
    length: number,
    piece: Uint8Array,
    pieceStart = 0,
    pieceEnd: number = piece.length,
  ): number {
    const isLast = length > 0 && start + length === this.top;
    const added = pieceEnd - pieceStart + (isLast ? 0 : length);
    if (this.top + added > SPACE_BYTES) return -1;
    if (length === 0) this.holders++;
    let from = start;
    if (!isLast) {
      from = this.top;
      // Another stream's piece came in between.
      if (length > 0) this.bytes.copyWithin(from, start, start + length);
    }
    copy.call(piece, this.bytes, from + length, pieceStart, pieceEnd);
    this.top += added;
    return from;
  }

  /** The stretch itself, valid until it is released. */
  view(start: number, length: number): Uint8Array {
    return new Uint8Array(this.memory, start, length);
  }

  /** A stream's stretch is done with; the last one empties the space. */
  release(): void {
    this.holders--;
    if (this.holders === 0) this.top = 0;
  }
}
