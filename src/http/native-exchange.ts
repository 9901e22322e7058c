/** One request on uWebSockets.js: one object, its callbacks made once, every write corked, memory bounded whatever the reader does. */
import { STATUS_CODES } from "node:http";
import { type HeaderList, headerValue } from "../base/headers.ts";
import { DISCARD_BYTES } from "./engine.ts";
import type { BodyReceiver, Exchange, ExchangeListener, Peer } from "./exchange.ts";
import type { UwsResponse } from "./native-types.ts";
import { cleanValue } from "./screen.ts";

/** What an exchange needs of its engine. */
export interface NativeHost {
  readonly streamBufferBytes: number;
  readonly draining: boolean;
  now(): number;
  /** The answer is complete or the client is gone. Called once. */
  exchangeEnded(exchange: NativeExchange): void;
  onError(error: unknown): void;
}

const EMPTY = Buffer.alloc(0);
/** uWS copies what the socket does not take; larger answers are handed over piece by piece instead. */
const WHOLE_BYTES = 64 * 1024;
/** While uWS may hold bytes of ours, this many more find out whether it still does. */
const PROBE_BYTES = 1024;

/** How the answer is framed; headless = HEAD, 204, 304. */
type Mode = "none" | "chunked" | "sized" | "headless";

export class NativeExchange implements Exchange {
  started = false;
  closed = false;
  /** When the last piece of the body came; engine's monotonic milliseconds. */
  lastReceived = 0;
  bodyPaused = false;
  bodyDone: boolean;

  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: HeaderList;
  readonly peer: Peer;
  readonly contentLength: number;

  private readonly response: UwsResponse;
  private readonly host: NativeHost;
  private listener: ExchangeListener | null = null;
  private receiver: BodyReceiver | null = null;
  private received = 0;
  private held: Buffer | null = null;
  private aborted = false;

  private mode: Mode = "none";
  private status = 200;
  private head: HeaderList = [];
  private headSent = false;
  /** Total of a sized answer; what of it has been given to uWS is `taken`. */
  private total = 0;
  private taken = 0;
  /** Upper bound of what uWS itself holds; 0 = certainly nothing. */
  private backlog = 0;
  /** The socket has taken something since the last refusal: a small piece will tell whether uWS still holds any. */
  private mayProbe = false;
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;
  private ending = false;
  private wantsDrain = false;
  private chunk: Uint8Array = EMPTY;
  private chunkTaken = true;
  /** A sized answer's last piece was not taken whole. */
  private refused = false;

  constructor(
    host: NativeHost,
    response: UwsResponse,
    method: string,
    path: string,
    query: string,
    headers: HeaderList,
    peer: Peer,
    contentLength: number,
  ) {
    this.host = host;
    this.response = response;
    this.method = method;
    this.path = path;
    this.query = query;
    this.headers = headers;
    this.peer = peer;
    this.contentLength = contentLength;
    this.bodyDone = contentLength === 0;
    response.onAborted(() => this.abort());
    if (!this.bodyDone) {
      this.lastReceived = host.now();
      response.onData((data, last) => this.receiveData(data, last));
    }
  }

  listen(listener: ExchangeListener): void {
    this.listener = listener;
    if (this.aborted) queueMicrotask(() => listener.onAbort());
  }

  receive(receiver: BodyReceiver): void {
    this.receiver = receiver;
    if (this.contentLength === 0) {
      receiver.onChunk(EMPTY, true);
      return;
    }
    if (this.held === null) return;
    const held = this.held;
    this.held = null;
    receiver.onChunk(held, this.bodyDone);
    if (!this.closed && !this.bodyDone) this.resumeBody();
  }

  pauseBody(): void {
    if (this.closed || this.bodyDone || this.bodyPaused) return;
    this.bodyPaused = true;
    this.response.pause();
  }

  resumeBody(): void {
    if (this.closed || !this.bodyPaused) return;
    this.bodyPaused = false;
    this.lastReceived = this.host.now();
    this.response.resume();
  }

  respond(status: number, headers: HeaderList, body: Uint8Array | string): void {
    if (this.closed || this.started) return;
    this.started = true;
    this.status = status;
    this.head = headers;
    const bytes = typeof body === "string" && body.length > WHOLE_BYTES / 4 ? Buffer.from(body) : body;
    const close = this.closesAfterwards();
    if (this.isHeadless(status)) {
      this.response.cork(() => {
        this.writeHead();
        const length = status === 204 || status === 304 ? undefined : Buffer.byteLength(bytes as Uint8Array);
        this.response.endWithoutBody(length, close);
      });
      this.finish();
    } else if (bytes.length <= WHOLE_BYTES || close) {
      this.response.cork(() => {
        this.writeHead();
        this.response.end(bytes, close);
      });
      this.finish();
    } else {
      this.startSized(bytes.length);
      // The caller's buffer is kept until the reader has taken it: no copy.
      this.pending.push(bytes as Uint8Array);
      this.pendingBytes = bytes.length;
      this.ending = true;
      this.sendPending();
    }
  }

  /** uWS sends the blank line after the head with the first piece of the body only, so the head waits for it. */
  start(status: number, headers: HeaderList): void {
    if (this.closed || this.started) return;
    this.started = true;
    this.status = status;
    this.head = headers;
    const declared = headerValue(headers, "content-length");
    if (this.isHeadless(status)) {
      this.mode = "headless";
      this.total = declared === "" ? -1 : Number(declared);
    } else if (/^\d{1,15}$/.test(declared) && declared !== "0") {
      this.startSized(Number(declared));
    } else {
      this.mode = "chunked";
      this.response.onWritable(() => this.onWritable());
    }
  }

  write(chunk: Uint8Array): boolean {
    if (this.closed || this.mode === "none" || this.ending) return false;
    if (this.mode === "headless" || chunk.length === 0) return true;
    if (this.mode === "sized" && this.taken + this.pendingBytes + chunk.length > this.total) {
      this.host.onError(new Error("an answer is longer than its content-length"));
      this.destroy();
      return false;
    }
    if (this.pendingBytes > 0 || this.backlog > this.host.streamBufferBytes) {
      this.pending.push(Buffer.from(chunk));
      this.pendingBytes += chunk.length;
      if (this.mayProbe) this.sendPending();
    } else {
      this.send(chunk);
    }
    if (this.closed) return false;
    const room = this.pendingBytes + this.backlog <= this.host.streamBufferBytes;
    if (!room) this.wantsDrain = true;
    return room;
  }

  end(): void {
    if (this.closed || this.mode === "none" || this.ending) return;
    this.ending = true;
    if (this.pendingBytes === 0) this.complete();
  }

  destroy(): void {
    if (this.closed) return;
    this.closed = true;
    this.listener = null;
    this.receiver = null;
    this.response.close();
    this.release();
  }

  /** The client is gone, or was cut: told once to whoever listens. */
  abort(): void {
    if (this.closed) return;
    this.closed = true;
    this.aborted = true;
    this.release();
    if (!this.bodyDone) this.receiver?.onAbort?.();
    this.listener?.onAbort();
  }

  /** A stalled upload: the connection is cut, which reaches `abort` through uWS. */
  cut(): void {
    if (!this.closed) this.response.close();
  }

  /** Keeps uWS from cutting a body that arrives slowly, or that we do not want yet. */
  rearm(): void {
    if (this.closed) return;
    this.response.pause();
    if (!this.bodyPaused) this.response.resume();
  }

  private receiveData(data: ArrayBuffer, last: boolean): void {
    if (last) this.bodyDone = true;
    if (this.closed) return;
    this.lastReceived = this.host.now();
    this.received += data.byteLength;
    try {
      if (this.receiver !== null) {
        this.receiver.onChunk(Buffer.from(data), last);
        return;
      }
    } catch (error) {
      this.host.onError(error);
      this.destroy();
      return;
    }
    // Nobody asked yet: at most what was read together with the head is kept.
    const piece = Buffer.from(new Uint8Array(data));
    this.held = this.held === null ? piece : Buffer.concat([this.held, piece]);
    this.pauseBody();
  }

  private isHeadless(status: number): boolean {
    return this.method === "HEAD" || status === 204 || status === 304;
  }

  /** True when the connection cannot be used again: we are draining, or much of the body is still to come. */
  private closesAfterwards(): boolean {
    if (this.host.draining) return true;
    if (this.bodyDone) return false;
    if (this.contentLength < 0 || this.contentLength - this.received > DISCARD_BYTES) return true;
    this.receiver = null;
    this.resumeBody();
    return false;
  }

  private writeHead(): void {
    const { response, head, status } = this;
    this.headSent = true;
    response.writeStatus(`${status} ${STATUS_CODES[status] ?? "Unknown"}`);
    for (let i = 0; i < head.length; i += 2) {
      const name = head[i] ?? "";
      // uWS writes these itself.
      if (
        name === "content-length" ||
        name === "transfer-encoding" ||
        name === "connection" ||
        name === "date"
      )
        continue;
      response.writeHeader(name, cleanValue(head[i + 1] ?? ""));
    }
    // A streamed answer: uWS itself says so only for one that is ended in the same call.
    if (this.mode !== "none" && this.host.draining) response.writeHeader("connection", "close");
  }

  private startSized(total: number): void {
    this.mode = "sized";
    this.total = total;
    this.response.onWritable(() => this.onWritable());
  }

  /** Hands one piece to uWS. */
  private send(chunk: Uint8Array): void {
    this.chunk = chunk;
    this.response.cork(this.corked);
    this.chunk = EMPTY;
    if (this.mode === "chunked") {
      this.backlog = this.chunkTaken ? 0 : this.backlog + chunk.length;
    }
  }

  private readonly corked = () => {
    const { response, chunk } = this;
    if (!this.headSent) this.writeHead();
    if (this.mode === "chunked") {
      this.chunkTaken = response.write(chunk);
      return;
    }
    const [, done] = response.tryEnd(chunk, this.total);
    if (done) {
      this.taken = this.total;
      this.finish();
      return;
    }
    const offset = response.getWriteOffset();
    const rest = this.taken + chunk.length - offset;
    this.taken = offset;
    this.refused = rest > 0;
    if (this.refused) this.keep(chunk.subarray(chunk.length - rest));
  };

  /** What a sized answer could not send: ours to keep, at the front of what waits. */
  private keep(rest: Uint8Array): void {
    this.pending.unshift(this.ending ? rest : Buffer.from(rest));
    this.pendingBytes += rest.length;
  }

  private onWritable(): boolean {
    if (this.closed) return true;
    // An empty cork sends what uWS holds: with a listener for "writable" it does not do so by itself.
    this.response.cork(nothing);
    this.mayProbe = true;
    this.flush();
    return true;
  }

  private flush(): void {
    this.sendPending();
    if (this.closed || this.pendingBytes > 0) return;
    if (this.ending) this.complete();
    else if (this.wantsDrain) {
      this.wantsDrain = false;
      this.listener?.onDrain();
    }
  }

  /** Hands over what waits until uWS refuses some of it. */
  private sendPending(): void {
    while (this.pendingBytes > 0 && !this.closed) {
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
    if (this.mode === "sized") {
      // Fewer bytes than declared: the reader must see that.
      if (this.taken < this.total) this.destroy();
      return;
    }
    // What still comes of the body is dropped by uWS; nobody would resume it later.
    this.receiver = null;
    this.resumeBody();
    this.response.cork(() => {
      if (!this.headSent) this.writeHead();
      if (this.mode === "headless") this.response.endWithoutBody(this.total < 0 ? undefined : this.total);
      // Never with "close": uWS would write that header into the body of a stream.
      else this.response.end();
    });
    this.finish();
  }

  private finish(): void {
    if (this.closed) return;
    this.closed = true;
    this.release();
  }

  private release(): void {
    this.pending = [];
    this.pendingBytes = 0;
    this.held = null;
    this.host.exchangeEnded(this);
  }
}

function nothing(): void {}
