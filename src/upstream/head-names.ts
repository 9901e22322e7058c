/** Stands for the names of a head's lines: heads that share one have the same names in the same order. */
import type { QuotaLines } from "./quota-lines.ts";

export class HeadNames {
  /** Where the quotas stand; null = nobody has asked yet. */
  quota: QuotaLines | null = null;
}
