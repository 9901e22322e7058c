/** An answer that uWebSockets.js gets piece by piece, so that no reader, however slow, makes more than a bound wait. */
import type { UwsResponse } from "./native-types.ts";

/** What a stream needs of its exchange. */
export interface StreamOwner {
  /** Status line and headers, written with the first piece. */
  writeHead(): void;
  /** Bytes that may wait before `write` returns false. */
  bufferBytes(): number;
  /** Writing may go on after a false. */
  onDrain(): void;
  /** Called before the last bytes of a chunked answer. */
  beforeEnd(): void;
  /** The answer is complete; uWS has taken all of it. */
  onComplete(): void;
  /** The answer cannot become what its head says: it must be cut. */
  onBroken(reason: string): void;
}

const EMPTY = Buffer.alloc(0);
/** While uWS may hold bytes of ours, this many more find out whether it still does. */
const PROBE_BYTES = 1024;

/**
 * uWS's cork buffer has 16 KiB. A chunk that does not fit it with its size line is lost when a full socket refuses that
 * line: larger ones go out as several. With `tryEnd` nothing is lost, it tells what it took.
 */
const CORK_BYTES = 15 * 1024;

/** `total` -1 = chunked: what the socket does not take uWS keeps. Else of that length: what it does not take we keep. */
export class NativeStream {
  private readonly response: UwsResponse;
  private readonly owner: StreamOwner;
  private readonly total: number;
  private headSent = false;
  /** Bytes of a sized answer that uWS has taken. */
  private taken = 0;
  /** Upper bound of what uWS itself holds; 0 = certainly nothing. */
  private backlog = 0;
  /** The socket has taken something since the last refusal: a small piece will tell whether uWS still holds any. */
  private mayProbe = false;
  /** The last piece of a sized answer was not taken whole. */
  private refused = false;
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;
  private ending = false;
  private stopped = false;
  private wantsDrain = false;
  private chunk: Uint8Array = EMPTY;

  constructor(response: UwsResponse, owner: StreamOwner, total: number) {
    this.response = response;
    this.owner = owner;
    this.total = total;
    // Without it one moment of back-pressure arms a timer that no later write clears (80-performance.md 4).
    response.onWritable(() => this.onWritable());
  }

  /** A whole answer: `bytes` are kept, not copied, until the reader has taken them. */
  writeWhole(bytes: Uint8Array): void {
    this.ending = true;
    this.pending.push(bytes);
    this.pendingBytes = bytes.length;
    this.sendPending();
  }

  write(chunk: Uint8Array): boolean {
    if (this.stopped || this.ending) return false;
    if (chunk.length === 0) return true;
    if (this.total >= 0 && this.taken + this.pendingBytes + chunk.length > this.total) {
      this.owner.onBroken("an answer is longer than its content-length");
      return false;
    }
    const limit = this.owner.bufferBytes();
    if (this.pendingBytes > 0 || this.backlog > limit) {
      this.pending.push(Buffer.from(chunk));
      this.pendingBytes += chunk.length;
      if (this.mayProbe) this.sendPending();
    } else {
      this.send(chunk);
    }
    if (this.stopped) return false;
    const room = this.pendingBytes + this.backlog <= limit;
    if (!room) this.wantsDrain = true;
    return room;
  }

  end(): void {
    if (this.stopped || this.ending) return;
    this.ending = true;
    if (this.pendingBytes === 0) this.complete();
  }

  /** The exchange is over: nothing touches the response any more. */
  stop(): void {
    this.stopped = true;
    this.pending = [];
    this.pendingBytes = 0;
  }

  private send(bytes: Uint8Array): void {
    if (this.total >= 0 || bytes.length <= CORK_BYTES) {
      this.sendPiece(bytes);
      return;
    }
    for (let at = 0; at < bytes.length; at += CORK_BYTES) {
      this.sendPiece(bytes.subarray(at, at + CORK_BYTES));
    }
  }

  /** Hands one piece to uWS, in a cork that is made once. */
  private sendPiece(chunk: Uint8Array): void {
    this.chunk = chunk;
    this.response.cork(this.sendCorked);
    this.chunk = EMPTY;
  }

  private readonly sendCorked = () => {
    const { response, chunk } = this;
    if (!this.headSent) this.sendHead();
    if (this.total < 0) {
      this.backlog = response.write(chunk) ? 0 : this.backlog + chunk.length;
      return;
    }
    const [, done] = response.tryEnd(chunk, this.total);
    if (done) {
      this.taken = this.total;
      this.owner.onComplete();
      return;
    }
    const offset = response.getWriteOffset();
    const rest = this.taken + chunk.length - offset;
    this.taken = offset;
    this.refused = rest > 0;
    if (!this.refused) return;
    const left = chunk.subarray(chunk.length - rest);
    this.pending.unshift(this.ending ? left : Buffer.from(left));
    this.pendingBytes += rest;
  };

  private sendHead(): void {
    this.headSent = true;
    this.owner.writeHead();
  }

  private onWritable(): boolean {
    if (this.stopped) return true;
    // An empty cork sends what uWS holds: with a listener for "writable" it does not do so by itself.
    this.response.cork(nothing);
    this.mayProbe = true;
    this.sendPending();
    if (this.stopped || this.pendingBytes > 0) return true;
    if (this.ending) this.complete();
    else if (this.wantsDrain) {
      this.wantsDrain = false;
      this.owner.onDrain();
    }
    return true;
  }

  /** Hands over what waits until uWS refuses some of it. */
  private sendPending(): void {
    while (this.pendingBytes > 0 && !this.stopped) {
      const first = this.pending[0] ?? EMPTY;
      // While uWS may still hold something, little more is given to it.
      const size = this.backlog > 0 ? Math.min(PROBE_BYTES, first.length) : first.length;
      if (size === first.length) this.pending.shift();
      else this.pending[0] = first.subarray(size);
      this.pendingBytes -= size;
      this.send(first.subarray(0, size));
      if (this.backlog > 0 || this.refused) {
        this.mayProbe = false;
        return;
      }
    }
  }

  private complete(): void {
    if (this.total >= 0) {
      // A whole one has been completed by its last piece.
      if (this.taken < this.total) this.owner.onBroken("");
      return;
    }
    this.owner.beforeEnd();
    this.response.cork(() => {
      if (!this.headSent) this.sendHead();
      // Never with "close": uWS would write that header into the body.
      this.response.end();
    });
    this.owner.onComplete();
  }
}

function nothing(): void {}
