/** The contract of a provider kind: how one vendor is addressed. Data first: paths, credentials, what it speaks. */

/** What a caller wants of a provider. */
export type Operation =
  | "chat"
  | "complete"
  | "embed"
  | "rerank"
  | "count"
  | "images"
  | "audio"
  | "moderations"
  | "responses-item"
  | "compact";

export type KindName =
  | "openai"
  | "azure_openai"
  | "vertex_ai"
  | "google_ai"
  | "anthropic"
  | "bedrock"
  | "cohere"
  | "ollama"
  | "demo";

/** The names of `protocols/`, again here because rooms do not import each other. */
export type SpokenProtocol =
  | "openai-chat"
  | "openai-responses"
  | "anthropic"
  | "gemini"
  | "cohere"
  | "cohere-v1"
  | "ollama";

/** What a kind must know of a configured provider. */
export interface ProviderFacts {
  readonly name: string;
  readonly kind: KindName;
  /** Path of base_url without a trailing slash; "" for none. */
  readonly basePath: string;
  readonly host: string;
  readonly apiKey: string;
  readonly responsesApi: boolean;
  readonly apiVersion: string;
  readonly projectId: string;
  readonly location: string;
}

export interface PathCall {
  readonly operation: Operation;
  readonly protocol: SpokenProtocol;
  readonly model: string;
  readonly stream: boolean;
  /** What follows the operation's base in the caller's path, e.g. `/generations` for images; starts with a slash. */
  readonly rest: string;
}

/** Ways to embed that are no client's: `protocols/embeddings` has them under these names. */
export type EmbeddingWay = "vertex-predict" | "vertex-predict-one" | "vertex-embed-content";

export interface ProviderKind {
  readonly name: KindName;
  readonly vendor: "openai" | "anthropic" | "google" | "cohere" | "ollama";
  /** Protocols it speaks natively for a chat with this model, best first: others are converted to the first. */
  speaks(facts: ProviderFacts, model: string): readonly SpokenProtocol[];
  /** How it embeds with this model; null, or absent: as the protocol it speaks does. */
  embeds?(model: string): EmbeddingWay | null;
  /** Request target of a call, query included; null when it has no such endpoint. */
  path(facts: ProviderFacts, call: PathCall): string | null;
  /** Request target of the vendor's list that says what each model takes; absent: it has none. */
  modelsPath?(facts: ProviderFacts): string;
  /** Credential header lines, `name: value\r\n` each; "" when there is no key or it is fetched per request. */
  credentials(facts: ProviderFacts): string;
  /** Headers of the vendor's protocol, sent unless the caller sent its own: name and value in turn. */
  readonly defaultHeaders: readonly string[];
}
