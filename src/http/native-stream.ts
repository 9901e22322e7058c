/** An answer that uWebSockets.js gets piece by piece, so that no reader, however slow, makes more than a bound wait. */
import type { TurnWriter, WriteTurn } from "../base/write-turn.ts";
import type { UwsResponse } from "./native-types.ts";
import type { TurnSpace } from "./turn-space.ts";

/** What streams share. */
export interface StreamHost {
  /** Bytes that may wait before `write` returns false. */
  readonly streamBufferBytes: number;
  readonly turn: WriteTurn;
  readonly space: TurnSpace;
}

/** What a stream needs of its exchange. */
export interface StreamOwner {
  /** uWS is in a callback of this request: it has a cork of its own, which it sends afterwards. */
  readonly inCallback: boolean;
  /** Upper bound of what the head takes. */
  readonly headBytes: number;
  /** Status line and headers, written with the first piece. */
  writeHead(): void;
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
 * uWS's cork buffer has 16 KiB. What does not fit it is lost when a full socket refuses what is corked before it, so a
 * cork gets no more than fits with its size line. With `tryEnd` nothing is lost, it tells what it took.
 */
export const CORK_BYTES = 16 * 1024;
const CHUNK_BYTES = 15 * 1024;
/** Size line before a chunk, and the answer's end. */
const FRAME_BYTES = 24;

/** Chunks up to this, which events are, are copied and go out at the end of the turn: as one, and after all reads. */
const SMALL_BYTES = 4 * 1024;
const GATHERED_BYTES = 8 * 1024;

/** `total` -1 = chunked: what the socket does not take uWS keeps. Else of that length: what it does not take we keep. */
export class NativeStream implements TurnWriter {
  private readonly response: UwsResponse;
  private readonly host: StreamHost;
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
  /** `writeNow` will be called at the end of the turn. */
  private inTurn = false;
  /** Small chunks of this turn, in the host's space; they come before what is pending. */
  private gatheredAt = 0;
  private gathered = 0;
  private pending: Uint8Array[] | null = null;
  private pendingBytes = 0;
  private ending = false;
  private stopped = false;
  private wantsDrain = false;

  constructor(response: UwsResponse, host: StreamHost, owner: StreamOwner, total: number) {
    this.response = response;
    this.host = host;
    this.owner = owner;
    this.total = total;
    // Without it one moment of back-pressure arms a timer that no later write clears (80-performance.md 4).
    response.onWritable(() => this.onWritable());
  }

  /** A whole answer: `bytes` are kept, not copied, until the reader has taken them. */
  writeWhole(bytes: Uint8Array): void {
    this.ending = true;
    this.pending = [bytes];
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
    const limit = this.host.streamBufferBytes;
    if (this.pendingBytes > 0 || this.backlog > limit) {
      this.hold(chunk);
      if (this.mayProbe && !this.inTurn) this.sendPending();
    } else if (this.total >= 0) {
      this.send(chunk);
    } else if (!this.gather(chunk, 0, chunk.length)) {
      if (this.owner.inCallback) {
        this.hold(chunk);
        this.awaitTurn();
      } else {
        this.sendGathered();
        if (this.backlog > limit) this.hold(chunk);
        else this.send(chunk);
      }
    }
    return this.hasRoom();
  }

  /** `write` of [start, end): small pieces, which events are, are copied without a view. */
  writeBytes(bytes: Buffer, start: number, end: number): boolean {
    const gathers = this.total < 0 && this.pendingBytes === 0 && this.backlog <= this.host.streamBufferBytes;
    if (gathers && !this.stopped && !this.ending && this.gather(bytes, start, end)) return this.hasRoom();
    return this.write(bytes.subarray(start, end));
  }

  private hasRoom(): boolean {
    if (this.stopped) return false;
    const room = this.gathered + this.pendingBytes + this.backlog <= this.host.streamBufferBytes;
    if (!room) this.wantsDrain = true;
    return room;
  }

  end(): void {
    if (this.stopped || this.ending) return;
    this.ending = true;
    // What waits for the end of the turn takes the end with it.
    if (this.pendingBytes === 0 && this.gathered === 0) this.complete();
  }

  writeNow(): void {
    this.inTurn = false;
    this.sendTurn();
    // Taken at once, though it was more than may wait: uWS has no reason to call.
    if (this.pendingBytes === 0 && this.backlog <= this.host.streamBufferBytes) this.tellDrained();
  }

  /** Does not wait for the end of the turn. */
  flush(): void {
    if (this.inTurn) this.sendTurn();
  }

  /** The exchange is over: nothing touches the response any more. */
  stop(): void {
    this.stopped = true;
    this.pending = null;
    this.pendingBytes = 0;
    this.dropGathered();
  }

  /** Sends what waited for the end of the turn, and the end when that has come as well. */
  private sendTurn(): void {
    if (this.stopped) return;
    if (!this.ending) this.sendGathered();
    this.sendPending();
    if (this.ending && this.pendingBytes === 0) this.complete();
  }

  /** False: not small, or no room. */
  private gather(bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (length > SMALL_BYTES || this.gathered + length > GATHERED_BYTES) return false;
    const at = this.host.space.append(this.gatheredAt, this.gathered, bytes, start, end);
    if (at < 0) return false;
    this.gatheredAt = at;
    this.gathered += length;
    this.awaitTurn();
    return true;
  }

  private hold(chunk: Uint8Array): void {
    const copy = Buffer.from(chunk);
    if (this.pending === null) this.pending = [copy];
    else this.pending.push(copy);
    this.pendingBytes += chunk.length;
  }

  private awaitTurn(): void {
    if (this.inTurn) return;
    this.inTurn = true;
    this.host.turn.add(this);
    // Somebody waits for the first piece: not until everybody's reads are done. uWS's own callback is not over by then.
    if (!this.headSent && !this.owner.inCallback) process.nextTick(flushStream, this);
  }

  private sendGathered(): void {
    if (this.gathered === 0) return;
    this.send(this.host.space.view(this.gatheredAt, this.gathered));
    this.dropGathered();
  }

  private dropGathered(): void {
    if (this.gathered === 0) return;
    this.gathered = 0;
    this.host.space.release();
  }

  private tellDrained(): void {
    if (!this.wantsDrain || this.stopped || this.ending) return;
    this.wantsDrain = false;
    this.owner.onDrain();
  }

  private send(bytes: Uint8Array): void {
    if (this.total >= 0 || bytes.length <= CHUNK_BYTES) {
      this.sendPiece(bytes);
      return;
    }
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      this.sendPiece(bytes.subarray(at, at + CHUNK_BYTES));
    }
  }

  /** Hands one piece to uWS, in the cork that all streams share. */
  private sendPiece(chunk: Uint8Array): void {
    this.makeRoom(chunk.length);
    sending = this;
    piece = chunk;
    this.response.cork(sendCorked);
  }

  /** A head that does not fit the cork of the first piece goes before it. */
  private makeRoom(bytes: number): void {
    if (this.headSent || this.total >= 0 || this.owner.headBytes + bytes + FRAME_BYTES <= CORK_BYTES) return;
    this.response.cork(() => this.sendHead());
  }

  /** `sendPiece`, corked. */
  writePiece(chunk: Uint8Array): void {
    const { response } = this;
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
    const kept = this.ending ? left : Buffer.from(left);
    if (this.pending === null) this.pending = [kept];
    else this.pending.unshift(kept);
    this.pendingBytes += rest;
  }

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
    else this.tellDrained();
    return true;
  }

  /** Hands over what waits until uWS refuses some of it. */
  private sendPending(): void {
    if (this.pendingBytes > 0) this.sendGathered();
    while (this.pending !== null && this.pendingBytes > 0 && !this.stopped) {
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
    const { response, gathered } = this;
    this.owner.beforeEnd();
    this.makeRoom(gathered);
    response.cork(() => {
      if (!this.headSent) this.sendHead();
      if (gathered > 0) response.write(this.host.space.view(this.gatheredAt, gathered));
      // Never with "close": uWS would write that header into the body.
      response.end();
    });
    this.owner.onComplete();
  }
}

function nothing(): void {}

/** What is being corked: a closure for each stream is memory, and one more place to fetch for each event. */
let sending: NativeStream | null = null;
let piece: Uint8Array = EMPTY;

function sendCorked(): void {
  const stream = sending;
  const chunk = piece;
  sending = null;
  piece = EMPTY;
  stream?.writePiece(chunk);
}

function flushStream(stream: NativeStream): void {
  stream.flush();
}
