/** Collects a request body into one buffer, with a permit for its bytes and room in front for an edit in place. */
import { Failure } from "../base/failure.ts";
import type { BodyReceiver, Exchange } from "../http/exchange.ts";
import type { BodyBuffers } from "./body-buffers.ts";

export interface BodyLimits {
  /** The largest body taken, bytes. */
  readonly maxBytes: number;
  /** Spare bytes in front of the body: a longer model name moves only what stands before it (80-performance.md 3). */
  readonly headroom: number;
  /** Asks for `bytes` more of the memory for bodies, of which this body holds `held`; null = granted. */
  readonly admit: (bytes: number, held: number) => Failure | null;
  /** Gives granted bytes back. */
  readonly release: (bytes: number) => void;
  readonly buffers: BodyBuffers;
}

export interface CollectedBody {
  /** The whole allocation: the body stands in [start, end). */
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  /** Gives the permit back, once the body is not needed any more. Idempotent. */
  release(): void;
  /** Gives the memory back at once, without waiting for the garbage collector: every view of the body is empty then. */
  free(): void;
}

/** The first allocation for a body of unknown length; doubles from there. */
const FIRST_CHUNKED_BYTES = 16 * 1024;
/** Code of the failure when the client goes before its body is whole. */
export const CLIENT_CLOSED = "client_closed";

/**
 * Reads the body and calls `done` once: with the body, or with a Failure (413 `request_too_large`, what `admit` said, or
 * 499 `client_closed`). The permit for a declared length is taken before a byte is read, for a chunked body as it
 * grows. After a Failure nothing is held; the caller answers, and the engine closes what still arrives.
 */
export function collectBody(
  exchange: Exchange,
  limits: BodyLimits,
  done: (result: CollectedBody | Failure) => void,
): void {
  const declared = exchange.contentLength;
  if (declared > limits.maxBytes) {
    done(tooLarge(limits.maxBytes));
    return;
  }
  const collector = new BodyCollector(limits, declared, done);
  if (collector.open()) exchange.receive(collector);
}

class BodyCollector implements BodyReceiver {
  private buffer: Buffer = NOTHING;
  private end: number;
  private granted = 0;
  private settled = false;

  constructor(
    private readonly limits: BodyLimits,
    private readonly declared: number,
    private readonly done: (result: CollectedBody | Failure) => void,
  ) {
    this.end = limits.headroom;
  }

  open(): boolean {
    return this.grow(this.declared < 0 ? Math.min(FIRST_CHUNKED_BYTES, this.limits.maxBytes) : this.declared);
  }

  onChunk(chunk: Buffer, last: boolean): void {
    if (this.settled) return;
    const { maxBytes, headroom } = this.limits;
    const size = this.end - headroom + chunk.length;
    if (size > maxBytes) {
      this.fail(tooLarge(maxBytes));
      return;
    }
    if (size > this.granted && !this.grow(Math.min(maxBytes, Math.max(size, this.granted * 2)))) return;
    chunk.copy(this.buffer, this.end);
    this.end += chunk.length;
    if (last) this.finish();
  }

  onAbort(): void {
    this.fail(
      new Failure("bad_request", "the client closed the connection", { code: CLIENT_CLOSED, status: 499 }),
    );
  }

  /** Makes room for a body of `size` bytes, or fails. */
  private grow(size: number): boolean {
    const refusal = this.limits.admit(size - this.granted, this.granted);
    if (refusal !== null) {
      this.fail(refusal);
      return false;
    }
    this.granted = size;
    const grown = this.limits.buffers.take(this.limits.headroom + size);
    if (this.end > this.limits.headroom) this.buffer.copy(grown, 0, 0, this.end);
    this.limits.buffers.give(this.buffer);
    this.buffer = grown;
    return true;
  }

  private finish(): void {
    this.settled = true;
    const body = new WholeBody(this.limits, this.buffer, this.end, this.granted);
    // The engine may keep the receiver as long as the exchange lives.
    this.buffer = NOTHING;
    this.done(body);
  }

  private fail(failure: Failure): void {
    if (this.settled) return;
    this.settled = true;
    if (this.granted > 0) this.limits.release(this.granted);
    this.granted = 0;
    this.limits.buffers.give(this.buffer);
    this.buffer = NOTHING;
    this.done(failure);
  }
}

class WholeBody implements CollectedBody {
  readonly start: number;

  constructor(
    private readonly limits: BodyLimits,
    readonly buffer: Buffer,
    readonly end: number,
    private granted: number,
  ) {
    this.start = limits.headroom;
  }

  release(): void {
    if (this.granted > 0) this.limits.release(this.granted);
    this.granted = 0;
  }

  free(): void {
    this.limits.buffers.give(this.buffer);
  }
}

const NOTHING = Buffer.alloc(0);

function tooLarge(maxBytes: number): Failure {
  return new Failure(
    "too_large",
    `the request body is larger than ${maxBytes} bytes (limits.max_request_bytes)`,
    {
      code: "request_too_large",
    },
  );
}
