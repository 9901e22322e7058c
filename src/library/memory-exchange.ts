/** An exchange without a network: the request lies in memory, the answer waits in a bounded queue for whoever reads it. */
import type { HeaderList } from "../base/headers.ts";
import type { BodyReceiver, Exchange, ExchangeListener } from "../http/exchange.ts";

export interface MemoryRequest {
  readonly path: string;
  readonly query: string;
  readonly headers: HeaderList;
  readonly body: Buffer;
}

/** What may wait for the reader before the upstream is told to pause, bytes. */
const MAX_WAITING = 64 * 1024;

export class MemoryExchange implements Exchange {
  readonly method = "POST";
  readonly path: string;
  readonly query: string;
  readonly headers: HeaderList;
  readonly peer = { address: "127.0.0.1", localAddress: "127.0.0.1" };
  readonly contentLength: number;
  started = false;
  closed = false;
  /** Of the answer; 0 = none yet. */
  status = 0;
  /** Cut by the gateway: what came is not the whole answer. */
  isCut = false;

  #body: Buffer | null;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #blocked = false;
  #listener: ExchangeListener | null = null;
  readonly #onChange: () => void;

  /** `onChange` is called when there is something to take, and at the end. */
  constructor(request: MemoryRequest, onChange: () => void) {
    this.path = request.path;
    this.query = request.query;
    this.headers = request.headers;
    this.contentLength = request.body.length;
    this.#body = request.body;
    this.#onChange = onChange;
  }

  listen(listener: ExchangeListener): void {
    this.#listener = listener;
  }

  receive(receiver: BodyReceiver): void {
    const body = this.#body;
    this.#body = null;
    if (body !== null && !this.closed) receiver.onChunk(body, true);
  }

  pauseBody(): void {}

  resumeBody(): void {}

  respond(status: number, headers: HeaderList, body: Uint8Array | string): void {
    if (this.closed || this.started) return;
    this.start(status, headers);
    this.#push(typeof body === "string" ? Buffer.from(body, "utf8") : Buffer.from(body));
    this.end();
  }

  start(status: number, _headers: HeaderList): void {
    if (this.closed || this.started) return;
    this.started = true;
    this.status = status;
  }

  write(chunk: Uint8Array): boolean {
    if (this.closed) return true;
    this.#push(Buffer.from(chunk));
    this.#blocked = this.#waitingBytes > MAX_WAITING;
    return !this.#blocked;
  }

  end(): void {
    this.#close();
  }

  destroy(): void {
    this.isCut = true;
    this.#close();
  }

  /** The next piece of the answer; null when none waits. */
  take(): Uint8Array | null {
    const chunk = this.#waiting.shift();
    if (chunk === undefined) return null;
    this.#waitingBytes -= chunk.length;
    if (this.#blocked && this.#waitingBytes === 0) {
      this.#blocked = false;
      if (!this.closed) this.#listener?.onDrain();
    }
    return chunk;
  }

  /** The reader is gone: what waits is dropped and the gateway is told, unless the answer was complete. */
  cancel(): void {
    this.#body = null;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (this.closed) return;
    this.closed = true;
    this.#listener?.onAbort();
  }

  #push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    this.#onChange();
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#onChange();
  }
}
