/** One request on node:http: the same promises as the native exchange, kept with a ServerResponse. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Timer, Timers } from "../base/clock.ts";
import type { HeaderList } from "../base/headers.ts";
import { DISCARD_BYTES } from "./engine.ts";
import type { BodyReceiver, Exchange, ExchangeListener, Peer } from "./exchange.ts";
import { cleanValue } from "./screen.ts";

/** What an exchange needs of its engine. */
export interface NodeHost {
  readonly streamBufferBytes: number;
  readonly clientStallMs: number;
  readonly draining: boolean;
  readonly timers: Timers;
  exchangeEnded(): void;
  onError(error: unknown): void;
}

const EMPTY = Buffer.alloc(0);
/** A whole answer goes out in pieces of this size, so that a reader's progress can be seen. */
const PIECE_BYTES = 64 * 1024;

export class NodeExchange implements Exchange {
  started = false;
  closed = false;

  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: HeaderList;
  readonly peer: Peer;
  readonly contentLength: number;

  private readonly host: NodeHost;
  private readonly request: IncomingMessage;
  private readonly response: ServerResponse;
  private listener: ExchangeListener | null = null;
  private receiver: BodyReceiver | null = null;
  private aborted = false;
  private received = 0;
  private bodyDone: boolean;
  private bodyPaused = false;
  /** Runs while the body is awaited, and while the reader owes us room. */
  private stall: Timer | null = null;
  private rest: Uint8Array = EMPTY;
  private ending = false;
  private wantsDrain = false;
  /** Bytes of the body still owed; -1 = chunked. */
  private owed = -1;

  constructor(
    host: NodeHost,
    request: IncomingMessage,
    response: ServerResponse,
    target: { readonly path: string; readonly query: string },
    headers: HeaderList,
    peer: Peer,
    contentLength: number,
  ) {
    this.host = host;
    this.request = request;
    this.response = response;
    this.method = request.method ?? "";
    this.path = target.path;
    this.query = target.query;
    this.headers = headers;
    this.peer = peer;
    this.contentLength = contentLength;
    this.bodyDone = contentLength === 0;
    // Of the socket, not of the response: one that waits behind another on its connection has no socket yet.
    request.socket.once("close", this.onClose);
    response.on("error", () => this.abort());
    request.on("error", () => this.abort());
  }

  private readonly onClose = () => this.abort();

  listen(listener: ExchangeListener): void {
    this.listener = listener;
    if (this.aborted) queueMicrotask(() => listener.onAbort());
  }

  receive(receiver: BodyReceiver): void {
    if (this.closed) return;
    if (this.contentLength === 0) {
      receiver.onChunk(EMPTY, true);
      return;
    }
    this.receiver = receiver;
    this.request.on("data", (chunk: Buffer) => {
      this.received += chunk.length;
      this.watchStall();
      this.deliver(chunk, false);
    });
    this.request.on("end", () => {
      this.bodyDone = true;
      this.watchStall();
      this.deliver(EMPTY, true);
    });
    if (this.bodyPaused) this.request.pause();
    this.watchStall();
  }

  pauseBody(): void {
    if (this.closed || this.bodyDone || this.bodyPaused) return;
    this.bodyPaused = true;
    this.request.pause();
    this.watchStall();
  }

  resumeBody(): void {
    if (this.closed || !this.bodyPaused) return;
    this.bodyPaused = false;
    this.request.resume();
    this.watchStall();
  }

  respond(status: number, headers: HeaderList, body: Uint8Array | string): void {
    if (this.closed || this.started) return;
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    this.writeHead(status, headers, bytes.length);
    if (this.closed) return;
    this.ending = true;
    this.rest = this.isHeadless(status) ? EMPTY : bytes;
    this.pump();
  }

  start(status: number, headers: HeaderList): void {
    if (this.closed || this.started) return;
    this.writeHead(status, headers, -1);
    this.response.on("drain", () => this.onDrain());
    this.response.flushHeaders();
  }

  write(chunk: Uint8Array): boolean {
    if (this.closed || !this.started || this.ending) return false;
    if (chunk.length === 0) return true;
    if (this.owed >= 0) {
      if (chunk.length > this.owed) {
        this.host.onError(new Error("an answer is longer than its content-length"));
        this.destroy();
        return false;
      }
      this.owed -= chunk.length;
    }
    // Node keeps what the socket does not take, so it gets a copy of its own.
    const accepts = this.response.write(Buffer.from(chunk));
    // While Node accepts more (64 KiB), it has no reason to call us back.
    const room = accepts || this.response.writableLength <= this.host.streamBufferBytes;
    if (!room) this.wantsDrain = true;
    this.watchStall();
    return room;
  }

  end(): void {
    if (this.closed || !this.started || this.ending) return;
    if (this.owed > 0 && !this.isHeadless(this.response.statusCode)) {
      this.destroy();
      return;
    }
    this.ending = true;
    this.pump();
  }

  destroy(): void {
    if (this.closed) return;
    this.listener = null;
    this.receiver = null;
    this.release();
    const { socket } = this.request;
    // Node holds what was written in this turn back until its end.
    while (socket.writableCorked > 0) socket.uncork();
    socket.destroy();
  }

  private writeHead(status: number, headers: HeaderList, length: number): void {
    this.started = true;
    const list: string[] = [];
    const bodiless = status === 204 || status === 304;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] ?? "";
      const value = headers[i + 1] ?? "";
      if (name === "transfer-encoding" || name === "connection" || name === "date") continue;
      if (name === "content-length") {
        if (length >= 0 || bodiless || !/^\d{1,15}$/.test(value)) continue;
        this.owed = Number(value);
      }
      list.push(name, encodeValue(cleanValue(value)));
    }
    if (length >= 0 && !bodiless) list.push("content-length", String(length));
    if (this.closesAfterwards()) list.push("connection", "close");
    try {
      this.response.writeHead(status, list);
    } catch (error) {
      // A header name that is no token: ours to fix, the caller gets a cut rather than a split answer.
      this.host.onError(error);
      this.destroy();
    }
  }

  private isHeadless(status: number): boolean {
    return this.method === "HEAD" || status === 204 || status === 304;
  }

  private closesAfterwards(): boolean {
    if (this.host.draining) return true;
    if (this.bodyDone) return false;
    return this.contentLength < 0 || this.contentLength - this.received > DISCARD_BYTES;
  }

  /** Sends what is left of a whole answer as the socket takes it, then ends. */
  private pump(): void {
    while (this.rest.length > PIECE_BYTES) {
      const piece = this.rest.subarray(0, PIECE_BYTES);
      this.rest = this.rest.subarray(PIECE_BYTES);
      if (!this.response.write(piece)) {
        this.response.once("drain", () => {
          this.watchStall();
          this.pump();
        });
        this.watchStall();
        return;
      }
    }
    if (this.closed) return;
    const { response } = this;
    response.once("finish", () => this.finish());
    response.end(this.rest.length > 0 ? this.rest : undefined);
    this.rest = EMPTY;
    this.watchStall();
    this.discardBody();
  }

  /** An early answer: what still comes of the body is dropped, or the connection is closed when it is much. */
  private discardBody(): void {
    if (this.bodyDone) return;
    this.receiver = null;
    this.bodyPaused = false;
    this.request.removeAllListeners("data");
    this.request.resume();
  }

  private onDrain(): void {
    if (this.closed) return;
    this.watchStall();
    if (!this.wantsDrain) return;
    this.wantsDrain = false;
    this.listener?.onDrain();
  }

  private deliver(chunk: Buffer, last: boolean): void {
    if (this.closed || this.receiver === null) return;
    try {
      this.receiver.onChunk(chunk, last);
    } catch (error) {
      this.host.onError(error);
      this.destroy();
    }
  }

  /** Starts, moves or stops the stall timer, whichever the state asks for. */
  private watchStall(): void {
    const { clientStallMs, timers } = this.host;
    const awaited = this.receiver !== null && !this.bodyDone && !this.bodyPaused;
    const blocked = this.started && this.response.writableLength > 0;
    if (this.closed || clientStallMs === 0 || !(awaited || blocked)) {
      this.stall?.cancel();
      return;
    }
    if (this.stall === null) this.stall = timers.start(clientStallMs, () => this.cutStalled());
    else this.stall.restart(clientStallMs);
  }

  private cutStalled(): void {
    if (this.closed) return;
    this.request.socket.destroy();
    this.abort();
  }

  private abort(): void {
    if (this.closed) return;
    if (this.response.writableFinished) {
      this.finish();
      return;
    }
    this.aborted = true;
    this.release();
    if (!this.bodyDone) this.receiver?.onAbort?.();
    this.listener?.onAbort();
  }

  private finish(): void {
    if (this.closed) return;
    this.release();
    // Lingering is bounded: the peer has its answer, the rest of a large body is not worth a connection.
    if (this.response.shouldKeepAlive || this.bodyDone) return;
    const { socket } = this.request;
    this.host.timers.start(LINGER_MS, () => socket.destroy());
  }

  private release(): void {
    this.closed = true;
    this.rest = EMPTY;
    this.stall?.cancel();
    this.request.socket.off("close", this.onClose);
    this.host.exchangeEnded();
  }
}

/** Time for the peer to read an early answer before its unread body makes the kernel reset the connection, ms. */
const LINGER_MS = 500;

/** The bytes of UTF-8 text as node:http takes them: one character a byte. */
function encodeValue(value: string): string {
  return /[^\0-\xff]/.test(value) ? Buffer.from(value).toString("latin1") : value;
}
