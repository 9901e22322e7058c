/** Strategy `price`: the cheapest expected cost first, ties by latency. */
import type { RouteTarget, Strategy, StrategyContext, TargetPrice } from "./strategy.ts";

export const price: Strategy = {
  name: "price",
  preferential: true,
  order: (targets, candidates, context) =>
    [...candidates].sort((a, b) => {
      const costA = expectedCost(targets[a]?.price ?? null, context);
      const costB = expectedCost(targets[b]?.price ?? null, context);
      if (costA !== costB) return costA - costB;
      return byLatency(targets[a], targets[b], context) || a - b;
    }),
};

/** USD of a request; Infinity when the price is unknown: unknown is not free, it comes last. */
export function expectedCost(
  of: TargetPrice | null,
  tokens: Pick<StrategyContext, "promptTokens" | "outputTokens">,
): number {
  if (of === null) return Number.POSITIVE_INFINITY;
  return (of.input * tokens.promptTokens + of.output * tokens.outputTokens) / 1e6;
}

/** What an alias's answers were long on average; used where a caller gives no max_tokens. */
export class OutputMean {
  private count = 0;
  private mean = 0;

  /** Before the first answer 256 tokens are expected. */
  get tokens(): number {
    return this.count === 0 ? 256 : this.mean;
  }

  add(tokens: number): void {
    // The mean of about the last hundred: an alias changes its use over months.
    this.count = Math.min(this.count + 1, 100);
    this.mean += (tokens - this.mean) / this.count;
  }
}

function byLatency(a: RouteTarget | undefined, b: RouteTarget | undefined, context: StrategyContext): number {
  const known = (target: RouteTarget | undefined) => {
    const latency = target?.view.latency(context.mode) ?? -1;
    return latency < 0 ? Number.MAX_VALUE : latency;
  };
  return known(a) - known(b);
}
