/** All strategies: one line each. */
import { failover } from "./failover.ts";
import { createLatency } from "./latency.ts";
import { price } from "./price.ts";
import type { Strategy, StrategyName } from "./strategy.ts";
import { createWeighted } from "./weighted.ts";

/** A strategy for one alias. `exploitK` is `[routing].exploit_k`. */
export function createStrategy(name: StrategyName, exploitK: number): Strategy {
  switch (name) {
    case "latency":
      return createLatency(exploitK);
    case "failover":
      return failover;
    case "price":
      return price;
    case "weighted":
      return createWeighted();
  }
}
