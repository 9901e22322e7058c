/** Strategy `latency`: the faster and the surer a target, the larger its share; everyone keeps at least one percent. */
import type { RouteTarget, Strategy, StrategyContext } from "./strategy.ts";
import { WeylSequence } from "./weyl-sequence.ts";

/** Share of a target without a sample beside a warm one: enough to learn about it, not enough to hurt. */
const COLD_SHARE = 0.25;
const WEIGHT_SCALE = 1000;
const WEIGHT_FLOOR = 10;

export function createLatency(exploitK: number): Strategy {
  const sequence = new WeylSequence();
  return {
    name: "latency",
    preferential: false,
    order(targets, candidates, context, pick) {
      const weights = latencyWeights(targets, candidates, context, exploitK);
      const order = candidates.slice();
      sortBy(order, (a, b) => a - b);
      const first = pick ? sequence.pick(order, weights) : -1;
      // The pick stands in front, the others by weight.
      sortBy(
        order,
        (a, b) => Number(b === first) - Number(a === first) || (weights[b] ?? 0) - (weights[a] ?? 0) || a - b,
      );
      return order;
    },
  };
}

/** Insertion sort: for a handful of indexes the built-in costs more than the rest of a request's routing. */
function sortBy(order: number[], compare: (a: number, b: number) => number): void {
  for (let i = 1; i < order.length; i++) {
    const moved = order[i] as number;
    let at = i - 1;
    for (; at >= 0 && compare(order[at] as number, moved) > 0; at--) order[at + 1] = order[at] as number;
    order[at + 1] = moved;
  }
}

/**
 * `eff = max(ewma,1) / max(success,0.001)` of the request's mode, weight `(best/eff)^k`; a cold target `success^k`,
 * and a quarter of that beside a warm one. Integers of at least 10, by the target's index; 0 for no candidate.
 */
function latencyWeights(
  targets: readonly RouteTarget[],
  candidates: readonly number[],
  context: StrategyContext,
  exploitK: number,
): number[] {
  const latencies = targets.map((target) => effectiveLatency(target, context));
  let best = Number.POSITIVE_INFINITY;
  for (const index of candidates) best = Math.min(best, latencies[index] ?? Number.POSITIVE_INFINITY);
  const weights = targets.map(() => 0);
  for (const index of candidates) {
    const target = targets[index];
    const effective = latencies[index];
    if (target === undefined || effective === undefined) continue;
    const warm = effective !== Number.POSITIVE_INFINITY;
    const coldShare = best === Number.POSITIVE_INFINITY ? 1 : COLD_SHARE;
    const weight = warm ? (best / effective) ** exploitK : coldShare * target.view.successRate ** exploitK;
    const scaled = Math.round(WEIGHT_SCALE * weight * target.view.share(context.now));
    weights[index] = Math.max(WEIGHT_FLOOR, scaled);
  }
  return weights;
}

function effectiveLatency({ view }: RouteTarget, context: StrategyContext): number {
  const latency = view.latency(context.mode);
  return latency < 0 ? Number.POSITIVE_INFINITY : Math.max(latency, 1) / Math.max(view.successRate, 0.001);
}
