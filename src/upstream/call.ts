/** One request under way: what its caller holds, and what the pool and the connection know of it. */
import type { Timer } from "../base/clock.ts";
import type { UpstreamCall, UpstreamFailure, UpstreamHandler, UpstreamRequest } from "./client.ts";
import type { Connection } from "./connection.ts";
import type { Dial } from "./dial.ts";
import { isWhole } from "./request-head.ts";

/** What a call asks of the pool while it has no connection. */
export interface CallOwner {
  /** The caller does not want it any more. */
  withdraw(call: Call): void;
}

export class Call implements UpstreamCall {
  request: UpstreamRequest;
  readonly handler: UpstreamHandler;
  /** Monotonic milliseconds; Infinity = no total deadline. */
  readonly totalAt: number;
  readonly owner: CallOwner;
  connection: Connection | null = null;
  /** Opens a connection for this call, while it waits. */
  dial: Dial | null = null;
  /** Runs while the call waits for a connection. */
  waitTimer: Timer | null = null;
  /** After `onEnd`, `onFail` or `abort`. */
  over = false;
  paused = false;
  reused = false;
  connected = false;
  /** Was sent on a kept connection that had died: goes out on a new one, and not a third time. */
  resent = false;
  /** Streamed body: pieces that came before there was a connection, and whether its end has come. */
  early: Buffer[] | null = null;
  ended: boolean;
  /** Streamed body: a `write` was answered with false, `onWritable` is owed. */
  blocked = false;
  /** What `sent` was when the connection was left. */
  sentAtEnd = false;
  /** The body may go once it is written. */
  bodyReleased = false;
  /** Bytes of a streamed body that were written. */
  written = 0;

  constructor(request: UpstreamRequest, handler: UpstreamHandler, totalAt: number, owner: CallOwner) {
    this.request = request;
    this.handler = handler;
    this.totalAt = totalAt;
    this.owner = owner;
    this.ended = request.body === null || isWhole(request.body);
  }

  /** Whether the body can go out once more: nothing of a stream was taken yet. */
  get repeatable(): boolean {
    return !this.resent && (this.written === 0 || isWhole(this.request.body));
  }

  get sent(): boolean {
    return this.connection?.sent ?? this.sentAtEnd;
  }

  pause(): void {
    if (this.over || this.paused) return;
    this.paused = true;
    this.connection?.pause();
  }

  resume(): void {
    if (this.over || !this.paused) return;
    this.paused = false;
    this.connection?.resume();
  }

  abort(): void {
    if (this.over) return;
    this.over = true;
    if (this.connection === null) this.owner.withdraw(this);
    else this.connection.drop();
  }

  finish(): void {
    if (this.over) return;
    if (this.connection === null || this.paused) {
      this.abort();
      return;
    }
    this.over = true;
    this.connection.awaitEnd();
  }

  write(chunk: Uint8Array): boolean {
    if (this.over || this.ended) return false;
    if (this.connection !== null) {
      this.blocked = !this.connection.writeBody(this, chunk);
      return !this.blocked;
    }
    this.early ??= [];
    this.early.push(Buffer.from(chunk));
    this.blocked = true;
    return false;
  }

  end(): void {
    if (this.over || this.ended) return;
    this.ended = true;
    this.connection?.endBody(this);
  }

  releaseBody(): void {
    if (this.over || this.bodyReleased || !isWhole(this.request.body)) return;
    this.bodyReleased = true;
    this.resent = true;
    this.connection?.dropWritten(this);
  }

  fail(failure: UpstreamFailure): void {
    if (this.over) return;
    this.over = true;
    this.handler.onFail(failure);
  }

  complete(clean: boolean): void {
    if (this.over) return;
    this.over = true;
    this.handler.onEnd(clean);
  }
}
