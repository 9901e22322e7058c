/** What the HTTP side and the command line see of the gateway: requests in, state to show, switches to turn. */

import type { Time } from "../base/clock.ts";
import type { Failure } from "../base/failure.ts";
import type { PeerScope } from "../base/net.ts";
import type { Config } from "../config/schema.ts";
import type { Exchange } from "../http/exchange.ts";
import type { ClientRoute } from "../http/route.ts";
import type { Usage } from "../protocols/neutral.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import type { Log } from "../telemetry/log.ts";
import type { Origin, UpstreamClient } from "../upstream/client.ts";

/** Where a request comes from, after proxies were looked at. */
export interface Origination {
  readonly scope: PeerScope;
  /** Canonical address of the client, a trusted proxy's word included. */
  readonly address: string;
  readonly requestId: string;
  /** Called once, when the request is over. */
  readonly onSettled?: (outcome: Settled) => void;
}

/** How a request ended. */
export interface Settled {
  /** Of all attempts, an answer that broke and its continuation both; null where no provider said. */
  readonly usage: Usage | null;
  /** `provider/model`; "" = none. */
  readonly answeredBy: string;
  readonly failure: Failure | null;
}

export interface Gateway {
  /** A request of a client protocol. Every exchange is answered exactly once, errors in the caller's protocol. */
  serve(exchange: Exchange, route: ClientRoute, from: Origination): void;
  /** A request under a provider's prefix; `rest` is what follows the prefix (with its slash, or ""). */
  servePrefix(exchange: Exchange, prefix: string, rest: string, from: Origination): void;
  /** Answers with an error in that protocol; for what the HTTP side refuses itself. */
  refuse(exchange: Exchange, protocol: ProtocolName, failure: Failure, requestId: string): void;
  /** Prefixes of the enabled providers. */
  readonly prefixes: readonly string[];
  readonly config: Config;
  /** Swaps the configuration in; requests under way keep theirs, state is kept by identity. */
  configure(config: Config): void;
  /** At least one alias has a usable target. */
  isReady(): boolean;
  /** For `/status`: plain JSON data, no secrets. */
  status(): GatewayStatus;
  /** False: no such provider. */
  setOffline(provider: string, offline: boolean): boolean;
  reset(provider: string): boolean;
  /** Requests under way. */
  readonly active: number;
  /** Requests since the start. */
  readonly served: number;
  /** From now on new requests are answered 503 `shutting_down`; observers and probes end. */
  startDrain(): void;
  /** Ends everything at once. */
  close(): void;
  /** State worth keeping over a restart, and back. */
  record(): object;
  restore(state: unknown): void;
}

export interface GatewayOptions {
  readonly config: Config;
  readonly time: Time;
  readonly log: Log;
  readonly upstream: UpstreamClient;
  readonly version: string;
  /** Proxy variables for upstreams without a proxy of their own. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Epoch milliseconds; default: when the program was bundled. */
  readonly buildDate?: number;
  /** Reads a CA file; throws when it cannot. */
  readonly readFile: (path: string) => string;
  /** Default: https origins whose addresses are all public. For tests, which have no public address. */
  readonly publicOrigin?: (url: URL) => Promise<Origin>;
}

/** Durations in milliseconds, sizes in bytes. */
export interface GatewayStatus {
  readonly requests: {
    readonly total: number;
    readonly failed: number;
    readonly active: number;
    /** Of the active ones: in line for a target that cannot be asked now. */
    readonly waiting: number;
  };
  readonly tokens: { readonly input: number; readonly output: number };
  readonly wan: "up" | "checking" | "down";
  readonly memory: {
    readonly bodies: { readonly used: number; readonly cap: number };
    /** Whole answers that are held until they are known to be whole. */
    readonly answers: { readonly used: number; readonly cap: number };
  };
  /** Streams that broke after content. */
  readonly repairs: {
    /** Finished by another target, and ended with an in-band error. */
    readonly finished: number;
    readonly failed: number;
    /** Bodies that gave way to new requests, and breaks that then could not be repaired. */
    readonly bodiesDropped: number;
    readonly bodiesMissed: number;
  };
  readonly upstream: { readonly open: number; readonly idle: number; readonly waiting: number };
  readonly providers: readonly ProviderStatus[];
  readonly models: readonly ModelStatus[];
}

export interface ProviderStatus {
  readonly name: string;
  readonly kind: string;
  readonly private: boolean;
  readonly offline: boolean;
}

export interface ModelStatus {
  readonly alias: string;
  readonly strategy: string;
  readonly targets: readonly TargetRow[];
}

/** `health/status` has these members besides the target's name. */
export interface TargetRow {
  readonly target: string;
  readonly status: string;
  readonly streamLatency: number | null;
  readonly wholeLatency: number | null;
  readonly errorRate: number;
  readonly circuit: string;
  readonly circuitLeft: number;
  readonly cooldownLeft: number;
  readonly requests: number;
  readonly successes: number;
  readonly failures: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** Epoch milliseconds; null = never. */
  readonly lastRequest: number | null;
}
