/** One request on uWebSockets.js: one object, its callbacks made once, every write corked, memory bounded whatever the reader does. */
import { type HeaderList, headerValue } from "../base/headers.ts";
import type { LiveEntry } from "../base/live-list.ts";
import type { ServerTimes } from "../base/server-timing.ts";
import type { TurnWriter } from "../base/write-turn.ts";
import { DISCARD_BYTES } from "./engine.ts";
import type { BodyReceiver, Exchange, ExchangeListener, HeadNotes, Peer } from "./exchange.ts";
import { TIMES_BYTES } from "./head-bytes.ts";
import type { HeadLines, KnownHead } from "./head-lines.ts";
import type { TakenHead } from "./known-requests.ts";
import { CORK_BYTES, NativeStream, type StreamHost, type StreamOwner } from "./native-stream.ts";
import type { UwsResponse } from "./native-types.ts";

/** What an exchange needs of its engine. */
export interface NativeHost extends StreamHost {
  readonly heads: HeadLines;
  /** Hands a whole answer to uWS. */
  readonly sender: WholeSender;
  readonly draining: boolean;
  /** There is one exchange only. */
  isAlone(): boolean;
  now(): number;
  /** The answer is complete or the client is gone. Called once. */
  exchangeEnded(exchange: NativeExchange): void;
  onError(error: unknown): void;
}

/** Corks whole answers, each with the same callback. */
export class WholeSender {
  #exchange: NativeExchange | null = null;
  readonly #corked = () => this.#exchange?.sendWhole();

  send(exchange: NativeExchange, response: UwsResponse): void {
    this.#exchange = exchange;
    response.cork(this.#corked);
    this.#exchange = null;
  }
}

const EMPTY = Buffer.alloc(0);
const NO_HEADERS: HeaderList = [];
const NOBODY: Peer = { address: "", localAddress: "" };
/** What uWS itself adds to a head: its own words of the first line, date, length or encoding, connection, its mark. */
const OWN_HEAD_BYTES = 192;

export class NativeExchange implements Exchange, StreamOwner, TurnWriter {
  started = false;
  closed = false;
  /** When the last piece of the body came; engine's monotonic milliseconds. */
  lastReceived = 0;
  bodyPaused = false;
  bodyDone: boolean;
  /** Its place among those whose bodies arrive. */
  arriving: LiveEntry<NativeExchange> | null = null;
  /** uWS is in a callback of this request: what is written then it sends afterwards, and pipelined requests follow. */
  inCallback = false;

  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: HeaderList;
  readonly notes: HeadNotes;
  readonly contentLength: number;

  private readonly response: UwsResponse;
  private readonly host: NativeHost;
  private readonly peerOf: (bytes: ArrayBuffer) => Peer;
  private known: Peer | null = null;
  private listener: ExchangeListener | null = null;
  private receiver: BodyReceiver | null = null;
  private received = 0;
  private held: Buffer | null = null;
  private aborted = false;

  /** First line without the version, and all headers; "" once written. */
  private head = "";
  /** A whole answer that goes out at the end of the turn, and its head. */
  private whole: Uint8Array | string | null = null;
  private wholeHead: KnownHead | null = null;
  private wholeHeaders: HeaderList = NO_HEADERS;
  private wholeTimes: ServerTimes | null = null;
  private closesConnection = false;
  private stream: NativeStream | null = null;
  /** What a streamed answer to HEAD says of its length; -1 = nothing. */
  private headLength = -1;

  constructor(
    host: NativeHost,
    response: UwsResponse,
    method: string,
    path: string,
    query: string,
    { headers, notes }: TakenHead,
    peerOf: (bytes: ArrayBuffer) => Peer,
    contentLength: number,
  ) {
    this.host = host;
    this.response = response;
    this.method = method;
    this.path = path;
    this.query = query;
    this.headers = headers;
    this.notes = notes;
    this.peerOf = peerOf;
    this.contentLength = contentLength;
    this.bodyDone = contentLength === 0;
    response.onAborted(() => this.abort());
    if (!this.bodyDone) {
      this.lastReceived = host.now();
      response.onData((data, last) => this.receiveData(data, last));
    }
  }

  /** Asked of the system only when somebody wants to know, which is once a caller has no key; uWS can tell until the end. */
  get peer(): Peer {
    if (this.known === null)
      this.known = this.closed ? NOBODY : this.peerOf(this.response.getRemoteAddress());
    return this.known;
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
    this.answer(status, headers, body, null);
  }

  respondTimed(status: number, headers: HeaderList, body: Uint8Array, times: ServerTimes): void {
    this.answer(status, headers, body, times);
  }

  private answer(
    status: number,
    headers: HeaderList,
    body: Uint8Array | string,
    times: ServerTimes | null,
  ): void {
    if (this.closed || this.started) return;
    this.started = true;
    const head = this.host.heads.find(status, headers);
    const size = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    const close = this.closesAfterwards();
    if (this.isHeadless(status)) {
      this.head = head.write(headers, times);
      this.response.cork(() => {
        this.writeHead();
        this.response.endWithoutBody(status === 204 || status === 304 ? undefined : size, close);
      });
      this.onComplete();
      return;
    }
    if (fitsCork(head, headers, times, size) || (close && !this.bodyDone)) {
      this.whole = body;
      this.wholeHead = head;
      this.wholeHeaders = headers;
      this.wholeTimes = times;
      this.closesConnection = close;
      this.closed = true;
      // The end of the turn is waited for to wake a peer once for all that it gets: here there is nothing else.
      if (this.inCallback || this.host.isAlone()) this.writeNow();
      else this.host.turn.add(this);
    } else {
      this.head = head.write(headers, times);
      this.stream = new NativeStream(this.response, this.host, this, size);
      this.stream.writeWhole(typeof body === "string" ? Buffer.from(body) : body);
    }
  }

  writeNow(): void {
    if (this.whole === null) return; // the client is gone since
    this.host.sender.send(this, this.response);
    this.release();
  }

  /** The rest of `writeNow`, corked. */
  sendWhole(): void {
    const { response, whole, wholeHead } = this;
    if (whole === null || wholeHead === null) return;
    this.whole = null;
    response.writeStatus(wholeHead.writeBytes(this.wholeHeaders, this.wholeTimes));
    response.end(whole, this.closesConnection);
  }

  /** uWS sends the blank line after the head with the first piece of the body only, so the head waits for it. */
  start(status: number, headers: HeaderList): void {
    if (this.closed || this.started) return;
    this.started = true;
    this.head = this.host.heads.find(status, headers).write(headers, null);
    const declared = headerValue(headers, "content-length");
    const length = /^\d{1,15}$/.test(declared) ? Number(declared) : -1;
    if (this.isHeadless(status)) this.headLength = length;
    // Nothing to come: chunked says that as well, and uWS has no other way to say it later.
    else this.stream = new NativeStream(this.response, this.host, this, length === 0 ? -1 : length);
  }

  write(chunk: Uint8Array): boolean {
    if (this.closed || !this.started) return false;
    return this.stream === null || this.stream.write(chunk);
  }

  writeBytes(bytes: Buffer, start: number, end: number): boolean {
    if (this.closed || !this.started) return false;
    return this.stream === null || this.stream.writeBytes(bytes, start, end);
  }

  end(): void {
    if (this.closed || !this.started) return;
    if (this.stream !== null) {
      this.stream.end();
      return;
    }
    this.beforeEnd();
    this.response.cork(() => {
      this.writeHead();
      this.response.endWithoutBody(this.headLength < 0 ? undefined : this.headLength);
    });
    this.onComplete();
  }

  destroy(): void {
    if (this.closed) return;
    this.stream?.flush();
    if (this.closed) return;
    this.closed = true;
    this.listener = null;
    this.receiver = null;
    this.response.close();
    this.release();
  }

  /** The client is gone, or was cut: told once to whoever listens. */
  abort(): void {
    if (this.whole !== null) {
      this.whole = null;
      this.release();
    }
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
    // Nobody waits for what is there.
    if (!last) this.lastReceived = this.host.now();
    this.received += data.byteLength;
    try {
      const { receiver } = this;
      if (receiver !== null) {
        if (last) this.receiver = null;
        this.inCallback = true;
        receiver.onChunk(new Uint8Array(data), last);
        return;
      }
    } catch (error) {
      this.host.onError(error);
      this.destroy();
      return;
    } finally {
      this.inCallback = false;
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

  get headBytes(): number {
    return OWN_HEAD_BYTES + Buffer.byteLength(this.head);
  }

  /** All in one text, which costs as much as one line does: uWS copies a "status" as it is, line ends included. */
  writeHead(): void {
    this.response.writeStatus(this.head);
    this.head = "";
    // A streamed answer: uWS itself says so only for one that is ended in the same call.
    if (this.stream !== null && this.host.draining) this.response.writeHeader("connection", "close");
  }

  onDrain(): void {
    this.listener?.onDrain();
  }

  /** What still comes of the body is dropped by uWS; nobody would resume it later. */
  beforeEnd(): void {
    this.receiver = null;
    this.resumeBody();
  }

  onComplete(): void {
    if (this.closed) return;
    this.closed = true;
    this.release();
  }

  onBroken(reason: string): void {
    if (reason !== "") this.host.onError(new Error(reason));
    this.destroy();
  }

  private release(): void {
    this.stream?.stop();
    this.held = null;
    this.host.exchangeEnded(this);
  }
}

/** Most answers are so small that the length of the head's text tells, without counting its bytes. */
function fitsCork(
  head: KnownHead,
  headers: HeaderList,
  times: ServerTimes | null,
  bodyBytes: number,
): boolean {
  const room = CORK_BYTES - OWN_HEAD_BYTES - bodyBytes;
  return (
    3 * head.lengthOf(headers) + TIMES_BYTES <= room || Buffer.byteLength(head.write(headers, times)) <= room
  );
}
