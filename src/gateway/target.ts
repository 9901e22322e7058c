/** What a configuration becomes before the first request: providers, targets and aliases ready to be asked. */

import type { KnownAnswers } from "../protocols/known-answers.ts";
import type { Capability } from "../protocols/protocol.ts";
import type { ProviderFacts, ProviderKind } from "../providers/provider.ts";
import type { Origin, UpstreamClient, UpstreamDeadlines } from "../upstream/client.ts";
import type { ForwardRules } from "./forwarded-headers.ts";
import type { HeadMemory } from "./head-memory.ts";

/** Milliseconds; 0 = none. */
export interface Timeouts {
  readonly connect: number;
  readonly firstToken: number;
  readonly firstTokenMax: number;
  readonly answer: number;
  readonly commit: number;
  readonly idle: number;
  readonly contentIdle: number;
  readonly total: number;
}

export interface RetryRules {
  /** 0 = auto: targets + 1, at least 4. */
  readonly maxAttempts: number;
  readonly perTarget: number;
  readonly backoffBase: number;
  readonly backoffMax: number;
  readonly retryAfterMax: number;
  readonly budget: number;
}

export interface Provider {
  readonly name: string;
  /** Name, base URL and a hash of the credential: what is learned of it is kept by this over reloads. */
  readonly identity: string;
  readonly kind: ProviderKind;
  readonly facts: ProviderFacts;
  readonly origin: Origin;
  /** The upstream client, or the demo provider's stand-in. */
  readonly transport: Pick<UpstreamClient, "send">;
  /** Header lines that are the same for every request: user agent, credentials, the operator's `headers`. */
  readonly constantHeaders: string;
  /** Sent unless the caller sent its own: name and value in turn. */
  readonly defaultHeaders: readonly string[];
  readonly forward: ForwardRules;
  /** What the heads of its last callers became. */
  readonly heads: HeadMemory<string>;
  /** What its last answers spelled. */
  readonly answers: KnownAnswers;
  readonly private: boolean;
  readonly dialect: string;
  readonly thinkTags: boolean;
  /** Members merged into JSON bodies: name and JSON text of the value. */
  readonly extraBody: readonly { readonly name: string; readonly json: string }[];
  /** Billing labels merged into its bodies (`[attribution]`, Vertex). */
  readonly labels: readonly (readonly [string, string])[];
  readonly models: readonly string[];
  /** Prefix of raw pass-through; "" = none. */
  readonly prefix: string;
  readonly retryBudget: number;
  /** Fetches the credential per request where it is short-lived (Vertex); null: it stands in `constantHeaders`. */
  readonly token: TokenSource | null;
}

export interface TokenSource {
  /** Calls back with the header lines, or with why there are none. May call back at once. */
  get(done: (lines: string, problem: string | null) => void): void;
}

export interface Target {
  /** Provider, base URL, model and credential hash: what health is kept by. */
  readonly identity: string;
  readonly provider: Provider;
  /** The model the upstream is asked for; "$model" was replaced by the caller's own name. */
  readonly model: string;
  /** `provider/model`, for people. */
  readonly label: string;
  /** Both as values of headers: model names may hold anything. */
  readonly printable: { readonly model: string; readonly label: string };
  readonly weight: number;
  /** USD per million tokens; null = unknown. */
  readonly price: {
    readonly input: number;
    readonly output: number;
    readonly cachedInput: number | null;
  } | null;
  /** 0 = unknown. */
  readonly maxContext: number;
  readonly tools: boolean | null;
  readonly images: boolean | null;
  readonly jsonSchema: boolean | null;
  readonly prefill: boolean;
  readonly capability: Capability;
  readonly timeouts: Timeouts;
  /** What the upstream client watches of a send to it: the attempt's own deadlines watch the rest. */
  readonly deadlines: UpstreamDeadlines;
}

export interface Alias {
  /** As configured; for a pattern with its star; "" for a target the caller named itself. */
  readonly name: string;
  /** What is learned of it is kept by this over reloads. */
  readonly stateKey: string;
  readonly targets: readonly Target[];
  readonly strategy: "latency" | "failover" | "price" | "weighted";
  readonly retry: RetryRules;
  readonly sticky: boolean;
  readonly hedge: {
    readonly after: number | "p95";
    readonly maxExtra: number;
    readonly anyPrice: boolean;
  } | null;
  readonly continuation: boolean;
  readonly privateOnly: boolean;
  readonly strict: boolean;
  readonly echoAlias: boolean;
  readonly fastTier: boolean;
}
