/** The contract of the HTTP engines: listen, count, drain, close. The gateway behind them sees only exchanges. */
import type { Time } from "../base/clock.ts";
import type { Exchange } from "./exchange.ts";

export type EngineKind = "hyper-express" | "node";
type BindFamily = "dual" | "ipv4" | "ipv6";

/** Paths of a certificate chain and its key, PEM. Read again when the files change. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export interface EngineLimits {
  /** Open connections, all listeners together; more get 503 and are closed. */
  readonly maxConnections: number;
  /** Open connections of one address; 0 = no bound. */
  readonly maxConnectionsPerClient: number;
  /** Bytes that may wait for one slow reader before `write` returns false. */
  readonly streamBufferBytes: number;
  /** A reader that takes nothing, or an upload that sends nothing, for so long is cut; milliseconds, 0 = never. */
  readonly clientStallMs: number;
}

export interface EngineOptions {
  readonly limits: EngineLimits;
  readonly time: Time;
  readonly tls: TlsFiles | null;
  /** Path prefixes of many requests (`/v1`), served without the router. Others work as well. */
  readonly hotPrefixes: readonly string[];
  /** Paths of most requests with a body, exactly; without a colon or a star. */
  readonly hotPaths: readonly string[];
  /** Peers without `maxConnectionsPerClient`: proxies that speak for many clients. Canonical text. */
  readonly isExempt: (address: string) => boolean;
  /** Something an operator should know, e.g. a new certificate that cannot be used. */
  readonly onWarning: (message: string) => void;
  /** A handler threw: a bug. The exchange has been ended. */
  readonly onError: (error: unknown) => void;
}

export interface ListenAddress {
  /** One exact address; "" = what `bindFamily` stands for. */
  readonly host: string;
  readonly bindFamily: BindFamily;
  /** 0 = any free port. */
  readonly port: number;
}

/** Called once per request, synchronously. */
export type ExchangeHandler = (exchange: Exchange) => void;

export interface Listener {
  /** The address listened on: the configured host, `::` or `0.0.0.0`. */
  readonly host: string;
  readonly port: number;
  /** Stops accepting. Connections that are open go on being served. Idempotent. */
  close(): void;
}

interface EngineStats {
  readonly connections: number;
  readonly exchanges: number;
}

export interface Engine {
  readonly kind: EngineKind;
  /** Binds a socket of its own; rejects with an Error that names address and reason. */
  listen(address: ListenAddress, handler: ExchangeHandler): Promise<Listener>;
  /** New limits hold from the next connection or write on. */
  setLimits(limits: EngineLimits): void;
  stats(): EngineStats;
  /**
   * Stops accepting, answers what is under way (kept connections are told to close), and resolves once no exchange is
   * left or `deadlineMs` has passed; then everything is closed.
   */
  drain(deadlineMs: number): Promise<void>;
  /** Closes listeners and connections at once. Idempotent. */
  close(): void;
}

/** A request's head, and the first request on a connection, must have arrived after so long; seconds. */
export const HEAD_SECONDS = 16;
/** An idle connection is kept for so long; seconds. */
export const KEEP_ALIVE_SECONDS = 60;
/** Bound of a request head, bytes. */
export const MAX_HEAD_BYTES = 64 * 1024;
/** A connection lives on after an early answer when no more than this is left of its request body. */
export const DISCARD_BYTES = 64 * 1024;
