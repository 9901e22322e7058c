/** Hedging of one alias: an earlier race than lateness asks for, capped, and off while it would not help. */
import { expectedCost } from "./price.ts";
import { SlidingCount } from "./sliding-count.ts";
import type { StrategyContext, TargetPrice } from "./strategy.ts";

const WINDOW = 60_000;
/** Below this many requests a minute no share of them says anything. */
const JUDGED_FROM = 10;

export interface HedgeOptions {
  /** Milliseconds, or the target's own observed 95th percentile. */
  readonly after: number | "p95";
  /** Share of the requests of a sliding minute. */
  readonly maxExtra: number;
  readonly anyPrice: boolean;
}

/** Milliseconds after which to hedge; null = not yet (the percentile needs samples). */
export function hedgeDelay(options: HedgeOptions, p95: number | null): number | null {
  return options.after === "p95" ? p95 : options.after;
}

/** Never to a dearer target. A price unknown on one side only cannot be shown not to be dearer. */
export function mayHedgeTo(
  from: TargetPrice | null,
  to: TargetPrice | null,
  tokens: Pick<StrategyContext, "promptTokens" | "outputTokens">,
  anyPrice: boolean,
): boolean {
  if (anyPrice || (from === null && to === null)) return true;
  return from !== null && to !== null && expectedCost(to, tokens) <= expectedCost(from, tokens);
}

/** One per alias. */
export class HedgeBudget {
  private readonly requests = new SlidingCount(WINDOW, 12);
  private readonly wanted = new SlidingCount(WINDOW, 12);
  private readonly made = new SlidingCount(WINDOW, 12);

  countRequest(now: number): void {
    this.requests.add(now);
  }

  /** A request reached its hedge delay. True when it may hedge now; the hedge is counted then. */
  take(now: number, maxExtra: number): boolean {
    this.wanted.add(now);
    if (this.isOff(now)) return false;
    const allowed = Math.max(1, Math.floor(maxExtra * this.requests.total(now)));
    if (maxExtra <= 0 || this.made.total(now) >= allowed) return false;
    this.made.add(now);
    return true;
  }

  /** More than half of the requests would hedge: then everything is slow and asking twice makes it slower. */
  isOff(now: number): boolean {
    const requests = this.requests.total(now);
    return requests >= JUDGED_FROM && this.wanted.total(now) > requests / 2;
  }
}
