/** Reads HTTP/1.1 requests off a connection for the scripted upstream: heads, and bodies by length or in chunks. */
import type { HeaderList } from "../../src/base/headers.ts";

export class RequestReader {
  #buffered: Buffer = Buffer.alloc(0);
  /** Bytes left of the body, or of the chunk; -1 = a head is awaited, -2 = a chunk size, -3 = the trailers. */
  #left = -1;
  #chunked = false;
  readonly #onHead: (method: string, path: string, headers: HeaderList) => void;
  readonly #onBody: (piece: Buffer) => void;
  readonly #onComplete: () => void;

  constructor(
    onHead: (method: string, path: string, headers: HeaderList) => void,
    onBody: (piece: Buffer) => void,
    onComplete: () => void,
  ) {
    this.#onHead = onHead;
    this.#onBody = onBody;
    this.#onComplete = onComplete;
  }

  read(piece: Buffer): void {
    this.#buffered = this.#buffered.length === 0 ? piece : Buffer.concat([this.#buffered, piece]);
    while (this.#step());
  }

  #step(): boolean {
    if (this.#left === -1) return this.#head();
    if (this.#left === -2) return this.#chunkSize();
    if (this.#left === -3) return this.#trailer();
    const taken = this.#buffered.subarray(0, this.#left);
    if (taken.length === 0 && this.#left > 0) return false;
    if (taken.length > 0) this.#onBody(Buffer.from(taken));
    this.#buffered = this.#buffered.subarray(taken.length);
    this.#left -= taken.length;
    if (this.#left > 0) return false;
    if (this.#chunked) this.#left = -2;
    else this.#end();
    return true;
  }

  #end(): void {
    this.#left = -1;
    this.#onComplete();
  }

  #line(): string | null {
    const end = this.#buffered.indexOf("\r\n");
    if (end < 0) return null;
    const line = this.#buffered.toString("latin1", 0, end);
    this.#buffered = this.#buffered.subarray(end + 2);
    return line;
  }

  #head(): boolean {
    const end = this.#buffered.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const [first = "", ...lines] = this.#buffered.toString("latin1", 0, end).split("\r\n");
    this.#buffered = this.#buffered.subarray(end + 4);
    const [method = "", path = ""] = first.split(" ");
    const headers: string[] = [];
    let length = 0;
    this.#chunked = false;
    for (const line of lines) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      headers.push(name, value);
      if (name === "content-length") length = Number(value);
      if (name === "transfer-encoding") this.#chunked = true;
    }
    this.#onHead(method, path, headers);
    this.#left = this.#chunked ? -2 : length;
    return true;
  }

  #chunkSize(): boolean {
    if (this.#buffered.length >= 2 && this.#buffered[0] === 0x0d) {
      this.#buffered = this.#buffered.subarray(2); // the CRLF after a chunk
      return true;
    }
    const line = this.#line();
    if (line === null) return false;
    const size = Number.parseInt(line, 16);
    this.#left = size === 0 ? -3 : size;
    return true;
  }

  #trailer(): boolean {
    const line = this.#line();
    if (line === null) return false;
    if (line === "") this.#end();
    return true;
  }
}
