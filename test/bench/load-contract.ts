/** What the bench and its load generator say to each other. */

interface Order {
  readonly port: number;
  readonly path: string;
  /** Header lines. */
  readonly headers: string;
}

export interface LoadOrder extends Order {
  readonly kind: "requests";
  /** Sent in turn. */
  readonly bodies: readonly string[];
  readonly connections: number;
  readonly ms: number;
}

/** Latencies in microseconds. */
export interface LoadResult {
  readonly kind: "requests";
  readonly count: number;
  readonly errors: number;
  readonly rps: number;
  readonly p50: number;
  readonly p99: number;
}

export interface StreamOrder extends Order {
  readonly kind: "streams";
  readonly body: string;
  readonly streams: number;
  /** Events of each. */
  readonly events: number;
}

export interface StreamResult {
  readonly kind: "streams";
  readonly events: number;
  readonly lost: number;
  /** Median time to the first event, microseconds. */
  readonly first: number;
}

export type LoadMessage =
  | LoadResult
  | StreamResult
  | { readonly kind: "open" }
  | { readonly kind: "count"; readonly events: number };
