/** What a pool is made of: the keys of `[provider.X]` and of one of its targets, in camelCase, in one object. */

/** Milliseconds, or a text such as "250ms", "30s", "5m". */
type Duration = number | string;

export interface PoolTimeouts {
  readonly connect?: Duration;
  readonly firstToken?: Duration;
  readonly firstTokenMax?: Duration;
  readonly answer?: Duration;
  readonly commit?: Duration;
  readonly idle?: Duration;
  readonly contentIdle?: Duration;
  readonly total?: Duration;
}

/** US dollars per million tokens. */
export interface PoolPrice {
  readonly input: number;
  readonly output: number;
  readonly cachedInput?: number;
  readonly cacheWrite?: number;
}

/**
 * One provider and the model it is asked for. Either `baseUrl` (with `protocol`, default "openai"), or one of
 * `azureOpenai`, `vertexAi`, `googleAi`, `anthropic`, `bedrock`, `ollama`, `demo`.
 */
export interface PoolTarget {
  /** The model's id as the provider spells it. */
  readonly model: string;
  /** Shown in `target`; default: the host of `baseUrl`. */
  readonly name?: string;
  readonly baseUrl?: string;
  /** What the provider speaks. */
  readonly protocol?: "openai" | "anthropic" | "gemini" | "cohere";
  readonly apiKey?: string;
  readonly azureOpenai?: { readonly resourceName: string; readonly apiVersion?: string };
  readonly vertexAi?: {
    readonly projectId: string;
    readonly location?: string;
    readonly attribution?: boolean;
    readonly credentials?: string;
  };
  readonly googleAi?: { readonly apiVersion?: string };
  readonly anthropic?: { readonly version?: string };
  readonly bedrock?: { readonly region?: string };
  readonly ollama?: { readonly url?: string };
  readonly demo?: {
    readonly latency?: string;
    readonly tokensPerSecond?: number;
    readonly errorRate?: number;
  };
  readonly price?: PoolPrice;
  readonly weight?: number;
  readonly maxContext?: number;
  readonly maxTokens?: number;
  readonly prefill?: boolean;
  readonly tools?: boolean;
  readonly images?: boolean;
  readonly jsonSchema?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** Members merged into the bodies sent to this provider. */
  readonly extraBody?: Readonly<Record<string, unknown>>;
  readonly userAgent?: string;
  readonly forwardHeaders?: readonly string[];
  readonly responsesApi?: boolean;
  readonly dialect?: string;
  readonly maxConnections?: number;
  readonly caFile?: string;
  /** Default: what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say; "" = none. */
  readonly proxy?: string;
  readonly private?: boolean;
  readonly thinkTags?: boolean;
  readonly timeouts?: PoolTimeouts;
}

export interface PoolOptions {
  /** Further sends for one request, all targets together, after the first one. Default: one per target, at least 3. */
  readonly retries?: number;
  /** How targets are chosen. Default "failover": in the order given. */
  readonly strategy?: "failover" | "latency" | "price" | "weighted";
  /** Losses in protocol translation are errors. Default false. */
  readonly strict?: boolean;
  /** A stream that breaks after its first content is finished by another target. Default true. */
  readonly continuation?: boolean;
  /** Another target is asked as well when the first is slow. Default: off. */
  readonly hedge?: {
    readonly after?: "p95" | string;
    readonly maxExtra?: number;
    readonly anyPrice?: boolean;
  };
  readonly timeouts?: PoolTimeouts;
}
