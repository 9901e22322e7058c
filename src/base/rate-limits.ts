/** What an upstream's rate-limit headers say of one quota: read by classification, learned by a target's health. */

export type QuotaKind = "requests" | "tokens" | "input_tokens" | "output_tokens";

export interface QuotaReading {
  readonly kind: QuotaKind;
  /** Size of the whole quota. */
  readonly limit: number;
  readonly remaining: number;
  /** Milliseconds from now until the quota is full again. */
  readonly resetMs: number;
}
