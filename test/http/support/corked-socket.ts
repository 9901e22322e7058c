/** uWebSockets.js 20.57's writing, as its AsyncSocket and HttpResponse do it, over a socket that refuses what it likes: with their loss. */
import type { UwsResponse } from "../../../src/http/native-types.ts";

const CORK_BYTES = 16 * 1024;

/** `accept` tells how many of so many bytes the kernel takes now. */
export class CorkedSocket {
  /** What the reader gets. */
  readonly sent: Buffer[] = [];
  /** Bytes that were dropped, the fault this model is for. */
  lost = 0;
  done = false;
  private readonly accept: (bytes: number) => number;
  private corked: Buffer[] | null = null;
  private held = Buffer.alloc(0);
  private chunked = false;
  private headed = false;
  private offset = 0;
  private writable: (offset: number) => boolean = () => true;

  constructor(accept: (bytes: number) => number) {
    this.accept = accept;
  }

  /** The kernel has room again. */
  makeRoom(): void {
    if (!this.done) this.writable(this.offset);
  }

  /** The bytes that uWS keeps and sends once the answer is over. */
  drain(): void {
    this.sent.push(this.held);
    this.held = Buffer.alloc(0);
  }

  /** The part of it that streams use. */
  asResponse(): UwsResponse {
    const response = {
      cork: (handler: () => void) => {
        const outer = this.corked !== null;
        if (!outer) this.corked = [];
        handler();
        if (!outer) this.uncork(Buffer.alloc(0), false);
        return response;
      },
      writeStatus: (status: string) => {
        this.put(`HTTP/1.1 ${status}\r\n`);
        return response;
      },
      write: (chunk: Uint8Array) => {
        if (!this.chunked) this.put("transfer-encoding: chunked\r\n");
        this.chunked = true;
        this.put(`\r\n${chunk.length.toString(16)}\r\n`);
        return !this.put(chunk)[1];
      },
      end: () => {
        this.put("\r\n0\r\n\r\n");
        this.done = true;
        return response;
      },
      tryEnd: (chunk: Uint8Array, total: number) => {
        if (!this.headed) this.put(`content-length: ${total}\r\n\r\n`);
        this.headed = true;
        const [written, failed] = this.put(chunk, true);
        this.offset += written;
        this.done = this.offset === total;
        return [written === chunk.length && !failed, this.done];
      },
      getWriteOffset: () => this.offset,
      onWritable: (handler: (offset: number) => boolean) => {
        this.writable = handler;
        return response;
      },
    };
    return response as unknown as UwsResponse;
  }

  private put(data: string | Uint8Array, optional = false): [number, boolean] {
    const bytes = Buffer.from(data as Uint8Array);
    if (this.held.length > 0) {
      const taken = this.send(this.held);
      this.held = this.held.subarray(taken);
      if (this.held.length > 0) {
        if (optional) return [0, true];
        this.held = Buffer.concat([this.held, bytes]);
        return [bytes.length, true];
      }
    }
    if (this.corked !== null && bytes.length > 0) {
      const size = this.corked.reduce((sum, piece) => sum + piece.length, 0);
      if (size + bytes.length > CORK_BYTES) return this.uncork(bytes, optional);
      this.corked.push(bytes);
      return [bytes.length, false];
    }
    const taken = this.send(bytes);
    if (taken === bytes.length) return [taken, false];
    if (optional) return [taken, true];
    this.held = bytes.subarray(taken);
    return [bytes.length, true];
  }

  private uncork(next: Buffer, optional: boolean): [number, boolean] {
    if (this.corked === null) return [0, false];
    const before = Buffer.concat(this.corked);
    this.corked = null;
    if (before.length > 0 && this.put(before)[1]) {
      if (!optional) this.lost += next.length;
      return [0, true];
    }
    return this.put(next, optional);
  }

  private send(bytes: Buffer): number {
    const taken = Math.min(bytes.length, this.accept(bytes.length));
    this.sent.push(Buffer.from(bytes.subarray(0, taken)));
    return taken;
  }
}
