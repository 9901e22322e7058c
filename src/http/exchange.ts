/** One request and its answer, as the gateway sees it: no server library shows through. */
import type { HeaderList } from "../base/headers.ts";
import type { ServerTimes } from "../base/server-timing.ts";

export interface Peer {
  /** Normalised text: IPv4 dotted (v4-mapped addresses too), IPv6 shortened as RFC 5952. */
  readonly address: string;
  /** The address of ours that was connected to, same form; "" when the engine cannot tell (native, bound to all addresses). */
  readonly localAddress: string;
}

/** The gateway's side of an exchange. Set once; called until `onAbort` or the end. */
export interface ExchangeListener {
  /** The client is gone (reset, closed, half-closed, or cut by `client_stall`). Nothing more can be sent. */
  onAbort(): void;
  /** The client took what was waiting: writing may go on. */
  onDrain(): void;
}

export interface BodyReceiver {
  /** A piece of the request body. The chunk is valid during the call only. No body: one empty last chunk, at once. */
  onChunk(chunk: Uint8Array, last: boolean): void;
  /** The client is gone before the last chunk. Called just before the listener's `onAbort`. */
  onAbort?(): void;
}

/** What was found in a head that comes with many requests, by those who looked for it. */
export interface HeadNotes {
  /** It names no request id, no page and no client of a proxy. */
  readonly isPlain: boolean;
  /** Of the headers, not of the query; null = nobody has looked. */
  credentials: readonly string[] | null;
  /** Whether the headers name a session; null = nobody has looked. */
  session: boolean | null;
}

export interface Exchange {
  /** Upper case as received. */
  readonly method: string;
  /** Raw path without the query, as received (percent-encoding untouched). */
  readonly path: string;
  /** Raw query without the question mark; "" when there is none. */
  readonly query: string;
  /** Names in lower case; `content-length` may be missing. */
  readonly headers: HeaderList;
  /** By engines that know the head. */
  readonly notes?: HeadNotes;
  readonly peer: Peer;
  /** Declared body length; 0 = no body; -1 = chunked. */
  readonly contentLength: number;
  /** True after `respond` or `start`. */
  readonly started: boolean;
  /** True once the client is gone or the answer is complete. */
  readonly closed: boolean;

  listen(listener: ExchangeListener): void;
  /** Starts the request body. Until it is called the engine reads no more than one window of it. At most once. */
  receive(receiver: BodyReceiver): void;
  pauseBody(): void;
  resumeBody(): void;

  /**
   * A whole answer; `body` must not change afterwards. Adds content-length and date; HEAD gets no body. A still
   * arriving request body is not waited for: answered at once, and the connection closed unless little is left to come.
   */
  respond(status: number, headers: HeaderList, body: Uint8Array | string): void;
  /** `respond` with a `server-timing`, by engines that need no text for it. */
  respondTimed?(status: number, headers: HeaderList, body: Uint8Array, times: ServerTimes): void;
  /**
   * Begins a streamed answer (chunked, unless `headers` holds a content-length; fewer bytes than that are a cut, not an
   * end). The head may leave together with the first chunk only.
   */
  start(status: number, headers: HeaderList): void;
  /** Copies or sends the chunk before it returns. False: more than `stream_buffer_bytes` wait, stop until `onDrain`. */
  write(chunk: Uint8Array): boolean;
  /** `write` of [start, end), by engines that need no view for it. */
  writeBytes?(bytes: Buffer, start: number, end: number): boolean;
  /** Ends the streamed answer cleanly. */
  end(): void;
  /** Ends the answer so that the client can tell it is not whole: the connection is cut. */
  destroy(): void;
}
