/** One model as the lists of every protocol show it. */

export interface ModelEntry {
  /** Alias, or `provider/model`. */
  readonly id: string;
  readonly displayName?: string;
  /** `sluice` for an alias, else the provider's name. */
  readonly owner: string;
  /** Seconds since 1970: when the configuration was loaded. */
  readonly created: number;
  readonly kind: "chat" | "embedding" | "rerank";
  /** Absent = unknown. */
  readonly contextTokens?: number;
  readonly outputTokens?: number;
  readonly tools?: boolean;
  readonly vision?: boolean;
  readonly thinking?: boolean;
}
