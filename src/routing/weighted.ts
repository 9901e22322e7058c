/** Strategy `weighted`: smooth weighted round robin (nginx): shares by weight, never the same target in a burst. */
import type { RouteTarget, Strategy, StrategyContext } from "./strategy.ts";

export function createWeighted(): Strategy {
  /** Current weights by target id, so that they survive a change of the list. */
  let current = new Map<string, number>();
  return {
    name: "weighted",
    preferential: false,
    order(targets, candidates, context, pick) {
      const byCredit = (a: number, b: number) => credit(targets, b) - credit(targets, a) || a - b;
      const credit = (list: readonly RouteTarget[], index: number) => {
        const target = list[index];
        return target === undefined ? 0 : (current.get(target.id) ?? 0) + weightOf(target, context);
      };
      const order = [...candidates].sort(byCredit);
      if (pick) current = advance(targets, order, current, context);
      return order;
    },
  };
}

/** Everyone gains its weight, the first pays the sum. Targets that left the alias are forgotten. */
function advance(
  targets: readonly RouteTarget[],
  order: readonly number[],
  before: ReadonlyMap<string, number>,
  context: StrategyContext,
): Map<string, number> {
  const after = new Map<string, number>();
  for (const target of targets) {
    const had = before.get(target.id);
    if (had !== undefined) after.set(target.id, had);
  }
  let total = 0;
  for (const index of order) {
    const target = targets[index];
    if (target === undefined) continue;
    const weight = weightOf(target, context);
    total += weight;
    after.set(target.id, (after.get(target.id) ?? 0) + weight);
  }
  const first = targets[order[0] ?? -1];
  if (first !== undefined) after.set(first.id, (after.get(first.id) ?? 0) - total);
  return after;
}

function weightOf(target: RouteTarget, context: StrategyContext): number {
  return target.weight * target.view.share(context.now);
}
