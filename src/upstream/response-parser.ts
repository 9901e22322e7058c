/** Reads HTTP/1.1 answers off a connection, one after the other: a strict, pure state machine over bytes, without I/O or clock. */
import type { HeaderList } from "../base/headers.ts";
import { ChunkDecoder } from "./chunk-decoder.ts";
import type { HeadNames } from "./head-names.ts";
import { HEAD_INCOMPLETE, HEAD_REFUSED, HeadScanner } from "./head-scanner.ts";
import { KnownHeads } from "./known-heads.ts";

/** Where the parts of an answer go. Each of them may call `stop`. */
export interface ResponseSink {
  /** The final head; 1xx are skipped. */
  onHead(status: number, headers: HeaderList, names: HeadNames | null): void;
  /** At most once a feed: [start, end) of the bytes that were fed, chunk framing taken off. */
  onBody(bytes: Buffer, start: number, end: number): void;
}

/** `done` = the answer is complete; `refused` = `refusal` says why and the connection must go; `stopped` = by the sink. */
export type ParseState = "more" | "done" | "refused" | "stopped";

/** More interim answers than any server has a reason for. */
const MAX_INFORMATIONAL = 8;

/** Scanners at rest: more than so many heads are rarely cut by the end of a read at a time. */
const MAX_RESTING = 8;

const HEAD = 0;
const LENGTH = 1;
const CHUNKED = 2;
const UNTIL_CLOSE = 3;
const DONE = 4;

/** Head scanners shared by the connections of an origin: each has one while a head arrives, most of them for the length of one read. */
export class HeadScanners {
  readonly #resting: HeadScanner[] = [];
  readonly #known = new KnownHeads();

  take(): HeadScanner {
    return this.#resting.pop() ?? new HeadScanner(this.#known);
  }

  give(scanner: HeadScanner): void {
    scanner.reset();
    if (this.#resting.length < MAX_RESTING) this.#resting.push(scanner);
  }
}

export class ResponseParser {
  /** Why the answer was refused: goes on after "the answer of HOST ". */
  refusal = "";
  /** Bytes came after the end of the answer: the connection cannot be trusted any more. */
  surplus = false;
  /** After the head: the connection may serve again when the body has come. */
  keepAlive = true;
  /** Milliseconds the server promises to keep the connection; -1 = not said. */
  keepAliveTimeout = -1;
  readonly #sink: ResponseSink;
  readonly #scanners: HeadScanners;
  #scanner: HeadScanner | null = null;
  #chunks: ChunkDecoder | null = null;
  #phase = DONE;
  #head = false;
  #informational = 0;
  #left = 0;
  #stopped = false;

  constructor(sink: ResponseSink, scanners = new HeadScanners()) {
    this.#sink = sink;
    this.#scanners = scanners;
  }

  /** Expects an answer; `head` = to a HEAD request, which has no body whatever its headers say. */
  begin(head: boolean): void {
    this.#head = head;
    this.#phase = HEAD;
    this.#informational = 0;
    this.#stopped = false;
    this.refusal = "";
    this.surplus = false;
    this.#scanner?.reset();
  }

  /** Nothing more is reported; the feed that is running returns `stopped`. */
  stop(): void {
    this.#stopped = true;
  }

  /** True once any byte of the answer has come. */
  get begun(): boolean {
    return this.#phase !== HEAD || this.#informational > 0 || this.#scanner?.begun === true;
  }

  /** True once the final head is complete. */
  get headed(): boolean {
    return this.#phase !== HEAD;
  }

  /** True while a body runs that only the end of the connection ends. */
  get endsWithConnection(): boolean {
    return this.#phase === UNTIL_CLOSE;
  }

  /** Bytes missing of the body; -1 = unknown. */
  get missing(): number {
    return this.#phase === LENGTH ? this.#left : -1;
  }

  /** Takes the bytes up to `end`. They may be moved about, and belong to the caller again afterwards. */
  feed(bytes: Buffer, end: number): ParseState {
    let at = 0;
    if (this.#phase === HEAD) {
      at = this.#readHead(bytes, end);
      if (at === HEAD_INCOMPLETE) return "more";
      if (at === HEAD_REFUSED) return "refused";
      if (this.#stopped) return "stopped";
    }
    const next = this.#readBody(bytes, at, end);
    if (this.#stopped) return "stopped";
    if (this.refusal !== "") return "refused";
    if (this.#phase !== DONE) return "more";
    this.surplus = next < end;
    return "done";
  }

  #readHead(bytes: Buffer, end: number): number {
    this.#scanner ??= this.#scanners.take();
    const scanner = this.#scanner;
    for (let at = 0; ; ) {
      at = scanner.scan(bytes, at, end);
      if (at === HEAD_REFUSED) this.refusal = scanner.refusal;
      if (at < 0) return at;
      const status = scanner.status;
      if (status === 101) return this.#refuse("switches protocols unasked");
      if (status >= 200) return this.#begin(scanner) ? at : HEAD_REFUSED;
      if (++this.#informational > MAX_INFORMATIONAL) return this.#refuse("has more than 8 interim heads");
      scanner.reset();
      if (at === end) return HEAD_INCOMPLETE;
    }
  }

  #begin(scanner: HeadScanner): boolean {
    const { framing, status, minor, headers, names } = scanner;
    if (!framing.decide(status, minor, this.#head)) {
      this.refusal = framing.refusal;
      return false;
    }
    const { kind, length } = framing;
    this.keepAlive = framing.keepAlive;
    this.keepAliveTimeout = framing.keepAliveTimeout;
    this.#left = length;
    this.#scanner = null;
    this.#scanners.give(scanner);
    switch (kind) {
      case "none":
        this.#phase = DONE;
        break;
      case "length":
        this.#phase = length === 0 ? DONE : LENGTH;
        break;
      case "chunked":
        this.#phase = CHUNKED;
        this.#chunks ??= new ChunkDecoder();
        this.#chunks.reset();
        break;
      default:
        this.#phase = UNTIL_CLOSE;
    }
    this.#sink.onHead(status, headers, names);
    return true;
  }

  #readBody(bytes: Buffer, at: number, end: number): number {
    if (at === end || this.#phase === DONE) return at;
    if (this.#phase === CHUNKED && this.#chunks !== null)
      return this.#readChunks(this.#chunks, bytes, at, end);
    const next = this.#phase === LENGTH ? Math.min(end, at + this.#left) : end;
    if (this.#phase === LENGTH) {
      this.#left -= next - at;
      if (this.#left === 0) this.#phase = DONE;
    }
    this.#sink.onBody(bytes, at, next);
    return next;
  }

  #readChunks(chunks: ChunkDecoder, bytes: Buffer, at: number, end: number): number {
    const next = chunks.decode(bytes, at, end);
    if (chunks.done) this.#phase = DONE;
    if (chunks.viewEnd > chunks.viewStart) this.#sink.onBody(bytes, chunks.viewStart, chunks.viewEnd);
    this.refusal = chunks.refusal;
    return next;
  }

  #refuse(why: string): typeof HEAD_REFUSED {
    this.refusal = why;
    return HEAD_REFUSED;
  }
}
