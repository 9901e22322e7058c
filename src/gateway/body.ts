/** Collects a request body into one buffer, with a permit for its bytes. */
import { Failure } from "../base/failure.ts";
import type { BodyReceiver, Exchange } from "../http/exchange.ts";
import type { MemoryBudget } from "../limits/memory.ts";
import type { BodyBuffers } from "./body-buffers.ts";

/** Where the permit for a body comes from, and its memory. */
export interface BodyStore {
  readonly memory: Pick<MemoryBudget, "admit" | "release">;
  readonly bodyBuffers: BodyBuffers;
}

export interface CollectedBody {
  readonly bytes: Buffer;
  /** Gives the permit back, once the body is not needed any more. Idempotent. */
  release(): void;
  /** Gives the memory back at once, without waiting for the garbage collector: every view of the body is empty then. */
  free(): void;
}

/** Who waits for a body: an object where there is one that lives as long, which spares a function for each. */
export type OnBody = ((result: CollectedBody | Failure) => void) | BodyTaker;

export interface BodyTaker {
  onBody(result: CollectedBody | Failure): void;
}

/** The first allocation for a body of unknown length; doubles from there. */
const FIRST_CHUNKED_BYTES = 16 * 1024;
/** Code of the failure when the client goes before its body is whole. */
export const CLIENT_CLOSED = "client_closed";

/**
 * Reads a body of at most `maxBytes` and calls `done` once: with the body, or with a Failure (413 `request_too_large`,
 * what the memory said, or 499 `client_closed`). The permit for a declared length is taken before a byte is read, for a
 * chunked body as it grows. After a Failure nothing is held; the caller answers, and the engine closes what still arrives.
 */
export function collectBody(exchange: Exchange, maxBytes: number, store: BodyStore, done: OnBody): void {
  const declared = exchange.contentLength;
  if (declared > maxBytes) {
    tell(done, tooLarge(maxBytes));
    return;
  }
  const collector = new BodyCollector(maxBytes, store, declared, done);
  if (collector.open()) exchange.receive(collector);
}

class BodyCollector implements BodyReceiver {
  private buffer: Buffer = NOTHING;
  private end = 0;
  private granted = 0;
  private settled = false;

  constructor(
    private readonly maxBytes: number,
    private readonly store: BodyStore,
    private readonly declared: number,
    private readonly done: OnBody,
  ) {}

  open(): boolean {
    return this.grow(this.declared < 0 ? Math.min(FIRST_CHUNKED_BYTES, this.maxBytes) : this.declared);
  }

  onChunk(chunk: Uint8Array, last: boolean): void {
    if (this.settled) return;
    const { maxBytes } = this;
    const size = this.end + chunk.length;
    if (size > maxBytes) {
      this.fail(tooLarge(maxBytes));
      return;
    }
    if (size > this.granted && !this.grow(Math.min(maxBytes, Math.max(size, this.granted * 2)))) return;
    this.buffer.set(chunk, this.end);
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
    const refusal = this.store.memory.admit(size - this.granted, this.granted);
    if (refusal !== null) {
      this.fail(refusal);
      return false;
    }
    this.granted = size;
    const grown = this.store.bodyBuffers.take(size);
    if (this.end > 0) this.buffer.copy(grown, 0, 0, this.end);
    this.store.bodyBuffers.give(this.buffer);
    this.buffer = grown;
    return true;
  }

  private finish(): void {
    this.settled = true;
    const { buffer, end } = this;
    const bytes = end === buffer.length ? buffer : buffer.subarray(0, end);
    const body = new WholeBody(this.store, bytes, this.granted);
    // The engine may keep the receiver as long as the exchange lives.
    this.buffer = NOTHING;
    tell(this.done, body);
  }

  private fail(failure: Failure): void {
    if (this.settled) return;
    this.settled = true;
    if (this.granted > 0) this.store.memory.release(this.granted);
    this.granted = 0;
    this.store.bodyBuffers.give(this.buffer);
    this.buffer = NOTHING;
    tell(this.done, failure);
  }
}

function tell(done: OnBody, result: CollectedBody | Failure): void {
  if (typeof done === "function") done(result);
  else done.onBody(result);
}

class WholeBody implements CollectedBody {
  constructor(
    private readonly store: BodyStore,
    readonly bytes: Buffer,
    private granted: number,
  ) {}

  release(): void {
    if (this.granted > 0) this.store.memory.release(this.granted);
    this.granted = 0;
  }

  free(): void {
    const { bytes, store } = this;
    const memory = bytes.buffer;
    const isWhole = memory.byteLength === bytes.length;
    // A small one is a view of a pool of Node's.
    if (isWhole || memory.byteLength > Buffer.poolSize)
      store.bodyBuffers.give(isWhole ? bytes : Buffer.from(memory));
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
