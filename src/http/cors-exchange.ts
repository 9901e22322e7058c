/** An exchange whose answer also carries headers for the web page that asked: whoever answers need not know of pages. */
import type { HeaderList } from "../base/headers.ts";
import type { BodyReceiver, Exchange, ExchangeListener, Peer } from "./exchange.ts";

export class CorsExchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: HeaderList;
  readonly contentLength: number;

  constructor(
    private readonly inner: Exchange,
    private readonly extra: HeaderList,
  ) {
    this.method = inner.method;
    this.path = inner.path;
    this.query = inner.query;
    this.headers = inner.headers;
    this.contentLength = inner.contentLength;
  }

  get peer(): Peer {
    return this.inner.peer;
  }

  get started(): boolean {
    return this.inner.started;
  }

  get closed(): boolean {
    return this.inner.closed;
  }

  listen(listener: ExchangeListener): void {
    this.inner.listen(listener);
  }

  receive(receiver: BodyReceiver): void {
    this.inner.receive(receiver);
  }

  pauseBody(): void {
    this.inner.pauseBody();
  }

  resumeBody(): void {
    this.inner.resumeBody();
  }

  respond(status: number, headers: HeaderList, body: Uint8Array | string): void {
    this.inner.respond(status, this.withExtra(headers), body);
  }

  start(status: number, headers: HeaderList): void {
    this.inner.start(status, this.withExtra(headers));
  }

  write(chunk: Uint8Array): boolean {
    return this.inner.write(chunk);
  }

  end(): void {
    this.inner.end();
  }

  destroy(): void {
    this.inner.destroy();
  }

  /** An upstream's own CORS headers speak of the upstream's pages. */
  private withExtra(headers: HeaderList): string[] {
    const all: string[] = [];
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] ?? "";
      if (!name.startsWith("access-control-")) all.push(name, headers[i + 1] ?? "");
    }
    all.push(...this.extra);
    return all;
  }
}
