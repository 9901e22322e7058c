/** The contract of a routing strategy: given an alias's targets and what is known of them, in which order are they asked. */

/** USD per million tokens; null = unknown, which is not free. */
export interface TargetPrice {
  readonly input: number;
  readonly output: number;
}

/** What a strategy may look at. `health/target-health` has these members. */
export interface TargetView {
  /** Average of the mode in milliseconds; -1 while cold. */
  latency(mode: "stream" | "whole"): number;
  /** Success average, 0 to 1. */
  readonly successRate: number;
  /** Factor near the end of a learned quota, in (0, 1]. */
  share(now: number): number;
}

/** One target of an alias as routing sees it; made once per alias and configuration. */
export interface RouteTarget {
  /** `provider/model`. */
  readonly id: string;
  readonly view: TargetView;
  readonly price: TargetPrice | null;
  /** For `weighted`; > 0. */
  readonly weight: number;
}

export interface StrategyContext {
  /** Monotonic milliseconds. */
  readonly now: number;
  readonly mode: "stream" | "whole";
  /** Estimated prompt tokens. */
  readonly promptTokens: number;
  /** Output tokens to expect: max_tokens, or the alias's running mean. */
  readonly outputTokens: number;
}

/** One per alias: it may keep a counter, which survives a reload together with the object. */
export interface Strategy {
  readonly name: StrategyName;
  /**
   * Orders `candidates`, indexes into `targets`, best first; the rest are the failover order. With `pick` false the
   * order is only looked at: nobody is asked first because of it, so no counter moves.
   */
  order(
    targets: readonly RouteTarget[],
    candidates: readonly number[],
    context: StrategyContext,
    pick: boolean,
  ): number[];
  /**
   * True when the order is one of preference, so that a target further ahead is simply better: a conversation then
   * goes back to it as soon as it is usable again.
   */
  readonly preferential: boolean;
}

export type StrategyName = "latency" | "failover" | "price" | "weighted";
