/** The contract of the upstream client: one request out, its answer back in callbacks, every failure with a typed cause. */
import type { HeaderList } from "../base/headers.ts";
import type { EditedBytes } from "../base/json-edit.ts";
import type { HeadNames } from "./head-names.ts";

/** A forward proxy (CONNECT for TLS origins, absolute-form for plain ones). */
export interface UpstreamProxy {
  readonly host: string;
  readonly port: number;
  /** The proxy itself speaks TLS. */
  readonly tls: boolean;
  /** Value of `proxy-authorization`, or "". */
  readonly authorization: string;
}

/** Where to connect. Made once per provider; connections are pooled by `key`. */
export interface Origin {
  /** Identity in the pool: scheme, host, port, proxy and CA. */
  readonly key: string;
  readonly tls: boolean;
  /** Host name or IP literal (IPv6 without brackets). */
  readonly host: string;
  readonly port: number;
  /** Extra CA certificates, PEM, besides the built-in roots. */
  readonly ca: readonly string[];
  readonly proxy: UpstreamProxy | null;
  readonly maxConnections: number;
  /** Connect to these and resolve nothing (they were checked); the name is for TLS and the Host header. Not with a proxy. */
  readonly addresses?: readonly string[];
}

/**
 * Milliseconds; 0 = none. `connect` counts for a wait in the pool's line, and afresh for name, TCP and TLS together;
 * `firstByte` from the request being written (each 256 KiB of an upload that the other side takes starts it again) to the
 * end of the answer's head, so that a dripping head ends too; `idle` between two reads of the body; `total` from `send`.
 */
export interface UpstreamDeadlines {
  readonly connect: number;
  readonly firstByte: number;
  readonly idle: number;
  readonly total: number;
}

/** A body of a known length. */
export type BodyBytes = readonly Uint8Array[] | EditedBytes;

/** Or a streamed one, fed through `UpstreamCall.write`, `length` -1 = chunked. */
export type UpstreamBody = BodyBytes | { readonly length: number } | null;

export interface UpstreamRequest {
  readonly origin: Origin;
  readonly method: string;
  /** Origin-form target, e.g. `/v1/chat/completions?x=1`. */
  readonly path: string;
  /**
   * Constant header lines, made once per target: `name: value\r\n…`, without host, connection and framing
   * (content-length, transfer-encoding), which the client writes.
   */
  readonly constantHeaders: string;
  /** Header lines of this request alone, same form, already free of CR, LF and NUL inside values. */
  readonly headers: string;
  readonly body: UpstreamBody;
  readonly deadlines: UpstreamDeadlines;
}

export interface ResponseHead {
  readonly status: number;
  /** Names in lower case, in order, duplicates kept. */
  readonly headers: HeaderList;
  /** The same object for heads whose headers have the same names in the same order; absent: not known. */
  readonly names?: HeadNames | null;
}

/** What becomes of the answer. After `onEnd` or `onFail` nothing else is called; neither is called after `abort()`. */
export interface UpstreamHandler {
  /** The final response head (1xx are skipped). */
  onHead(head: ResponseHead): void;
  /** A piece of the decoded body (chunk framing removed). A view into a shared buffer: valid during the call only. */
  onData(chunk: Buffer): void;
  /** In its place, for who needs no view: [start, end) of a shared buffer. */
  onBytes?(bytes: Buffer, start: number, end: number): void;
  /** The whole body has arrived; `clean` is false when its end could only be told from the connection's end. */
  onEnd(clean: boolean): void;
  onFail(failure: UpstreamFailure): void;
  /** A streamed request body may go on after `write` returned false. */
  onWritable?(): void;
}

export type UpstreamCause =
  | "dns" // the name does not resolve, or the resolver is dead
  | "refused"
  | "unreachable" // ENETUNREACH, EHOSTUNREACH, ENETDOWN
  | "connect_timeout"
  | "tls" // `reason` says why
  | "proxy" // the proxy refused or failed
  | "reset" // closed or reset before the first byte of the answer
  | "first_byte_timeout"
  | "bad_response" // the parser refused the answer; `message` says what was wrong
  | "cut" // ended inside the body; `missing` bytes, -1 when unknown (chunked)
  | "idle_timeout"
  | "total_timeout"
  | "pool_full"; // no connection within the deadline

export type TlsReason =
  | "expired"
  | "not_yet_valid"
  | "wrong_host"
  | "unknown_ca"
  | "self_signed"
  | "handshake"
  | "other";

export interface UpstreamFailure {
  readonly cause: UpstreamCause;
  /** For people: names the host and the reason, never a secret. */
  readonly message: string;
  readonly tlsReason?: TlsReason;
  /** Bytes missing of the declared body, -1 when unknown. Only with `cut`. */
  readonly missing?: number;
}

/** A request under way. */
export interface UpstreamCall {
  /** Stops reading and the idle deadline, not the total one. At most one more `onData` follows; `onEnd` may, when the end has been read. */
  pause(): void;
  resume(): void;
  /** Destroys the connection. No callback comes after it. Idempotent; harmless after the end. */
  abort(): void;
  /**
   * The answer is whole as its protocol has it: no callback comes any more, but what is left of the body is read and
   * dropped for a moment, so that the connection can serve again. Idempotent; harmless after the end.
   */
  finish?(): void;
  /** Streamed bodies only: false asks to wait for `onWritable`. The chunk may be reused after the call. */
  write(chunk: Uint8Array): boolean;
  /** Ends a streamed body. */
  end(): void;
  /** The body is not sent a second time: it is let go of as soon as it has been written. */
  releaseBody?(): void;
  /** True once the whole request has been handed to the system or copied: its bytes are not looked at any more. */
  readonly sent?: boolean;
  /** True when the connection had served an earlier request. */
  readonly reused: boolean;
  /** True once TCP (and TLS) stand: what tells a connect that is late from an answer that is late. */
  readonly connected: boolean;
}

export interface UpstreamClient {
  /** Never calls back before it returns. */
  send(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall;
  /** Connects and closes again, to learn whether the origin can be reached at all (a refusal counts as an answer). */
  probe(origin: Origin, timeoutMs: number, done: (reachable: boolean) => void): () => void;
  /** Open sockets by state, for `/status` and the leak hunt. */
  stats(): { readonly open: number; readonly idle: number; readonly waiting: number };
  /** Closes idle connections and the rest, whose calls fail as `reset`; clears timers. */
  close(): void;
}
