/** What the routing tests share: targets with figures given by hand. */
import type { RouteTarget, StrategyContext, TargetPrice } from "../../src/routing/strategy.ts";
import type { TargetOut, TargetState } from "../../src/routing/target-state.ts";

export interface Figures {
  stream?: number;
  whole?: number;
  success?: number;
  share?: number;
  price?: TargetPrice | null;
  weight?: number;
}

export function target(id: string, figures: Figures = {}): RouteTarget {
  return {
    id,
    view: {
      latency: (mode) => (mode === "stream" ? figures.stream : figures.whole) ?? -1,
      get successRate() {
        return figures.success ?? 1;
      },
      share: () => figures.share ?? 1,
    },
    price: figures.price ?? null,
    weight: figures.weight ?? 1,
  };
}

export const CONTEXT: StrategyContext = { now: 0, mode: "whole", promptTokens: 1000, outputTokens: 500 };

export const USABLE: TargetState = { state: "usable" };
export const PROBE: TargetState = { state: "probe" };
export function out(
  reason: TargetOut["reason"],
  until = 10_000,
  facts: Partial<TargetOut> = {},
): TargetState {
  return { state: "out", reason, until, quick: false, probing: false, ...facts };
}
