/** Strategy `failover`: the configured order. */
import type { Strategy } from "./strategy.ts";

export const failover: Strategy = {
  name: "failover",
  preferential: true,
  order: (_targets, candidates) => [...candidates].sort((a, b) => a - b),
};
