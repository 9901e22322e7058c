/** What one send cost: the usage its upstream reported, else the estimated prompt once the target had begun to answer. */
import type { TargetHealth } from "../health/target-health.ts";
import type { Usage } from "../protocols/neutral.ts";
import type { Attempt } from "./attempt.ts";
import type { Core } from "./core.ts";

/** Books an attempt that has ended, whoever it ended for; returns the usage it reported. */
export function bookAttempt(
  core: Core,
  health: TargetHealth,
  attempt: Attempt,
  need: { estimate(): number },
): Usage | null {
  const { usage } = attempt;
  const status = attempt.head?.status ?? 0;
  const began = status >= 200 && status < 300;
  const input = usage?.input ?? (began ? need.estimate() : 0);
  const output = usage?.output ?? 0;
  health.addTokens(input, output);
  core.totals.tokensIn += input;
  core.totals.tokensOut += output;
  return usage;
}
