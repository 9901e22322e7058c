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
      if (candidates.length === 2) return orderTwo(targets, candidates, context, pick, exploitK, sequence);
      const weights = latencyWeights(targets, candidates, context, exploitK);
      const order = candidates.slice();
      sortByWeight(order, NO_WEIGHTS);
      const first = pick ? sequence.pick(order, weights) : -1;
      // The pick stands in front, the others by weight.
      if (first >= 0) weights[first] = ABOVE_ALL;
      sortByWeight(order, weights);
      return order;
    },
  };
}

const NO_WEIGHTS: readonly number[] = [];
/** More than any weight, and small enough for V8 to keep the list one of small integers. */
const ABOVE_ALL = 2 ** 30 - 1;

/**
 * Indexes by weight, the heaviest first, equals in their own order. An insertion sort: for a handful of indexes the
 * built-in costs more than the rest of a request's routing.
 */
function sortByWeight(order: number[], weights: readonly number[]): void {
  for (let i = 1; i < order.length; i++) {
    const moved = order[i] as number;
    const weight = weights[moved] ?? 0;
    let at = i - 1;
    for (; at >= 0; at--) {
      const before = order[at] as number;
      const lighter = (weights[before] ?? 0) - weight;
      if (lighter > 0 || (lighter === 0 && before < moved)) break;
      order[at + 1] = before;
    }
    order[at + 1] = moved;
  }
}

/** As any number of them is ordered, which most often is this one, without its lists. */
function orderTwo(
  targets: readonly RouteTarget[],
  candidates: readonly number[],
  context: StrategyContext,
  pick: boolean,
  exploitK: number,
  sequence: WeylSequence,
): number[] {
  const low = Math.min(candidates[0] as number, candidates[1] as number);
  const high = Math.max(candidates[0] as number, candidates[1] as number);
  const lowLatency = effectiveLatency(targets[low], context);
  const highLatency = effectiveLatency(targets[high], context);
  const best = Math.min(lowLatency, highLatency);
  const lowWeight = weightOf(targets[low], lowLatency, best, context, exploitK);
  const highWeight = weightOf(targets[high], highLatency, best, context, exploitK);
  const lowFirst = pick ? sequence.picksFirst(lowWeight, highWeight) : lowWeight >= highWeight;
  return lowFirst ? [low, high] : [high, low];
}

function latencyWeights(
  targets: readonly RouteTarget[],
  candidates: readonly number[],
  context: StrategyContext,
  exploitK: number,
): number[] {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < candidates.length; i++)
    best = Math.min(best, effectiveLatency(targets[candidates[i] ?? -1], context));
  // By a loop: `fill` is a call into the runtime, dearer than all the rest.
  const weights: number[] = [];
  for (let i = 0; i < targets.length; i++) weights.push(0);
  for (let i = 0; i < candidates.length; i++) {
    const index = candidates[i] ?? -1;
    const target = targets[index];
    if (target === undefined) continue;
    weights[index] = weightOf(target, effectiveLatency(target, context), best, context, exploitK);
  }
  return weights;
}

/**
 * `eff = max(ewma,1) / max(success,0.001)` of the request's mode, weight `(best/eff)^k`; a cold target `success^k`,
 * and a quarter of that beside a warm one. An integer of at least 10.
 */
function weightOf(
  target: RouteTarget | undefined,
  effective: number,
  best: number,
  context: StrategyContext,
  exploitK: number,
): number {
  if (target === undefined) return 0;
  const warm = effective !== Number.POSITIVE_INFINITY;
  const coldShare = best === Number.POSITIVE_INFINITY ? 1 : COLD_SHARE;
  const weight = warm
    ? power(best / effective, exploitK)
    : coldShare * power(target.view.successRate, exploitK);
  return Math.max(WEIGHT_FLOOR, Math.round(WEIGHT_SCALE * weight * target.view.share(context.now)));
}

/** The best target's is one, and so is that of a target that never failed: a power is a call out of compiled code. */
function power(base: number, exponent: number): number {
  return base === 1 ? 1 : base ** exponent;
}

function effectiveLatency(target: RouteTarget | undefined, context: StrategyContext): number {
  if (target === undefined) return Number.POSITIVE_INFINITY;
  const { view } = target;
  const latency = view.latency(context.mode);
  return latency < 0 ? Number.POSITIVE_INFINITY : Math.max(latency, 1) / Math.max(view.successRate, 0.001);
}
