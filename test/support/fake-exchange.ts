/** One request of a client without a socket: its body is there at once, its answer is written down. */
import type { HeaderList } from "../../src/base/headers.ts";
import type { BodyReceiver, Exchange, ExchangeListener } from "../../src/http/exchange.ts";

export type ExchangeEnd = "" | "responded" | "ended" | "destroyed" | "aborted";

export class FakeExchange implements Exchange {
  readonly method = "POST";
  readonly query: string;
  readonly peer = { address: "127.0.0.1", localAddress: "127.0.0.1" };
  readonly contentLength: number;
  started = false;
  status = 0;
  answerHeaders: HeaderList = [];
  text = "";
  how: ExchangeEnd = "";
  /** How often it was ended: more than once is a bug. */
  ends = 0;
  /** The client takes nothing at present. */
  blocked = false;
  /** Called after each write and at the end. */
  onChange: (() => void) | null = null;
  #listener: ExchangeListener | null = null;
  readonly #body: Buffer;

  constructor(
    readonly path: string,
    body: string,
    readonly headers: HeaderList = ["content-type", "application/json"],
    query = "",
  ) {
    this.#body = Buffer.from(body);
    this.contentLength = this.#body.length;
    this.query = query;
  }

  get closed(): boolean {
    return this.how !== "";
  }

  listen(listener: ExchangeListener): void {
    this.#listener = listener;
  }

  receive(receiver: BodyReceiver): void {
    receiver.onChunk(this.#body, true);
  }

  pauseBody(): void {}
  resumeBody(): void {}

  respond(status: number, headers: HeaderList, body: Uint8Array | string): void {
    this.#begin(status, headers);
    this.text += typeof body === "string" ? body : Buffer.from(body).toString("utf8");
    this.#end("responded");
  }

  start(status: number, headers: HeaderList): void {
    this.#begin(status, headers);
  }

  write(chunk: Uint8Array): boolean {
    if (!this.started) throw new Error("written before the head");
    if (this.closed) throw new Error(`written after it was ${this.how}`);
    this.text += Buffer.from(chunk).toString("utf8");
    this.onChange?.();
    return !this.blocked;
  }

  end(): void {
    this.#end("ended");
  }

  destroy(): void {
    this.#end("destroyed");
  }

  /** The client goes. */
  abort(): void {
    if (this.closed) return;
    this.how = "aborted";
    this.#listener?.onAbort();
  }

  /** The client reads again. */
  drain(): void {
    this.blocked = false;
    if (!this.closed) this.#listener?.onDrain();
  }

  header(name: string): string {
    const at = this.answerHeaders.findIndex((text, index) => index % 2 === 0 && text === name);
    return at < 0 ? "" : (this.answerHeaders[at + 1] ?? "");
  }

  #begin(status: number, headers: HeaderList): void {
    if (this.started) throw new Error("a second head");
    this.started = true;
    this.status = status;
    this.answerHeaders = headers;
  }

  #end(how: ExchangeEnd): void {
    this.ends++;
    if (this.closed) throw new Error(`${how} after it was ${this.how}`);
    this.how = how;
    this.onChange?.();
  }
}
