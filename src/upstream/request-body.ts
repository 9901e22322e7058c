/** Writes a request to a socket: small ones whole, large ones piece by piece so that progress shows, streamed ones as they come. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { EditedBytes, piecesOf } from "../base/json-edit.ts";
import type { Call } from "./call.ts";
import type { BodyBytes, UpstreamRequest } from "./client.ts";
import {
  headEncoding,
  isWhole,
  lengthOf,
  type OriginHead,
  requestHead,
  startOfHead,
} from "./request-head.ts";

/** What is handed to the socket at a time: every one that drains is a sign of life. */
const PIECE = 256 * 1024;
const WRITE_BUFFER = 16 * 1024;
/** Views of it that are kept. */
const VIEWS = 64;
const NO_PIECES: readonly Uint8Array[] = [];
const CRLF = Buffer.from("\r\n");
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** Where small requests are put together: head and body in one write, without an allocation. */
export class WriteBuffer {
  bytes = Buffer.allocUnsafeSlow(WRITE_BUFFER);
  /** What they begin with: the next request mostly begins so too. */
  start: Buffer | null = null;
  /** Views of the first bytes, by how many, the last ones that were made: requests of a length are many. */
  readonly #views: (Buffer | null)[] = new Array<Buffer | null>(VIEWS).fill(null);

  /** The first `length` bytes. */
  view(length: number): Buffer {
    const at = length % VIEWS;
    const known = this.#views[at];
    if (known?.length === length) return known;
    const view = this.bytes.subarray(0, length);
    this.#views[at] = view;
    return view;
  }

  /** Others in their place: somebody holds on to these. */
  renew(): void {
    this.bytes = Buffer.allocUnsafeSlow(WRITE_BUFFER);
    this.start = null;
    this.#views.fill(null);
  }
}

/** Whether a body surely goes out in one write with any head but a huge one. */
export function isSmall(body: UpstreamRequest["body"]): boolean {
  return body !== null && isWhole(body) && lengthOf(body) < WRITE_BUFFER / 2;
}

export class RequestBody {
  readonly #socket: Socket;
  /** null over TLS, which holds on to what it is given. */
  readonly #buffer: WriteBuffer | null;
  #pieces: readonly Uint8Array[] = NO_PIECES;
  #index = 0;
  #offset = 0;
  /** Streamed: declared length, -1 = chunked. */
  #declared = 0;
  #call: Call | null = null;
  /** What the socket was given is no part of the body. */
  #copied = false;

  constructor(socket: Socket, buffer: WriteBuffer) {
    this.#socket = socket;
    this.#buffer = socket instanceof TLSSocket ? null : buffer;
  }

  /** True when nothing waits in the socket. */
  get flushed(): boolean {
    return !this.#socket.writableNeedDrain && this.#index >= this.#pieces.length;
  }

  /** True when the whole request is out. */
  get done(): boolean {
    return this.flushed && this.#socket.writableLength === 0 && this.#call?.ended === true;
  }

  /** True when the bytes of the body are not looked at any more. */
  get spent(): boolean {
    return this.#copied || this.done;
  }

  /** Writes the head and what there is of the body; returns what is wrong with it, or "". */
  begin(origin: OriginHead, call: Call): string {
    let problem = "";
    const { request } = call;
    const { body } = request;
    const socket = this.#socket;
    this.#call = call;
    this.#index = 0;
    this.#offset = 0;
    this.#copied = false;
    this.#pieces = NO_PIECES;
    if (body !== null && isWhole(body)) {
      if (this.#writeAtOnce(request, body, origin)) return problem;
      this.#pieces = piecesOf(body);
    }
    const head = requestHead(request, origin);
    socket.cork();
    socket.write(head, headEncoding(head));
    if (body !== null && !isWhole(body)) problem = this.#beginStream(call, body.length);
    else this.#pump();
    socket.uncork();
    return problem;
  }

  /** Lets go of the body: an idle connection must not hold it. */
  release(): void {
    this.#pieces = NO_PIECES;
    this.#call = null;
    this.#copied = false;
  }

  /** Lets go of a body that was handed to the socket whole; false while some of it was not. */
  dropWritten(): boolean {
    if (this.#index < this.#pieces.length) return false;
    this.#pieces = NO_PIECES;
    this.#index = 0;
    return true;
  }

  drained(): void {
    this.#pump();
  }

  /** A piece of a streamed body; returns what is wrong with it, or "". */
  write(call: Call, chunk: Uint8Array): string {
    if (chunk.length === 0) return "";
    call.written += chunk.length;
    if (this.#declared >= 0 && call.written > this.#declared)
      return "the request body is longer than declared";
    if (this.#declared >= 0) this.#socket.write(Buffer.from(chunk));
    else this.#socket.write(frame(chunk));
    return "";
  }

  /** The end of a streamed body; returns what is wrong with it, or "". */
  end(call: Call): string {
    if (this.#declared >= 0 && call.written < this.#declared)
      return "the request body is shorter than declared";
    if (this.#declared < 0) this.#socket.write(LAST_CHUNK);
    return "";
  }

  /** False: too large, or its head is no Latin-1. What the kernel does not take at once keeps the buffer, and a new one takes its place. */
  #writeAtOnce(request: UpstreamRequest, body: BodyBytes, origin: OriginHead): boolean {
    const length = lengthOf(body);
    const start = length < WRITE_BUFFER ? startOfHead(request, origin) : null;
    if (start === null) return false;
    const digits = digitsOf(length);
    const size = start.length + digits + HEAD_END_BYTES + length;
    if (size > WRITE_BUFFER) return false;
    const buffer = this.#buffer;
    const bytes = buffer === null ? Buffer.allocUnsafe(size) : buffer.bytes;
    if (buffer?.start !== start) bytes.set(start, 0);
    if (buffer !== null) buffer.start = start;
    copyBody(bytes, writeLength(bytes, start.length, digits, length), body);
    this.#copied = true;
    this.#socket.write(buffer === null ? bytes : buffer.view(size));
    if (buffer !== null && this.#socket.writableLength > 0) buffer.renew();
    return true;
  }

  #beginStream(call: Call, length: number): string {
    this.#declared = length;
    let problem = "";
    for (const piece of call.early ?? []) problem ||= this.write(call, piece);
    call.early = null;
    return call.ended ? problem || this.end(call) : problem;
  }

  #pump(): void {
    const socket = this.#socket;
    while (this.#index < this.#pieces.length) {
      const piece = this.#pieces[this.#index] as Uint8Array;
      const end = Math.min(piece.length, this.#offset + PIECE);
      const whole = this.#offset === 0 && end === piece.length;
      const more = piece.length === 0 || socket.write(whole ? piece : piece.subarray(this.#offset, end));
      this.#offset = end;
      if (end === piece.length) {
        this.#index += 1;
        this.#offset = 0;
      }
      if (!more && socket.writableLength >= PIECE) return;
    }
  }
}

function copyBody(target: Buffer, at: number, body: BodyBytes): void {
  if (body instanceof EditedBytes) {
    body.copyTo(target, at);
    return;
  }
  let end = at;
  for (let i = 0; i < body.length; i++) {
    const piece = body[i] as Uint8Array;
    target.set(piece, end);
    end += piece.length;
  }
}

/** One chunk frame with a copy of the data: the caller's bytes are its own again after `write`. */
function frame(chunk: Uint8Array): Buffer {
  const size = Buffer.from(`${chunk.length.toString(16)}\r\n`, "latin1");
  return Buffer.concat([size, chunk, CRLF]);
}

/** The end of the line of the length, and the empty line. */
const HEAD_END_BYTES = 4;

function digitsOf(length: number): number {
  let digits = 1;
  for (let rest = length; rest > 9; rest = (rest / 10) | 0) digits++;
  return digits;
}

/** Writes the digits of `length` and the end of the head at `at`; returns the place behind it. */
function writeLength(bytes: Buffer, at: number, digits: number, length: number): number {
  const end = at + digits;
  let rest = length;
  for (let place = end - 1; place >= at; place--) {
    bytes[place] = 0x30 + (rest % 10);
    rest = (rest / 10) | 0;
  }
  bytes[end] = 0x0d;
  bytes[end + 1] = 0x0a;
  bytes[end + 2] = 0x0d;
  bytes[end + 3] = 0x0a;
  return end + HEAD_END_BYTES;
}
