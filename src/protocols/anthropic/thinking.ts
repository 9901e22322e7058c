/** How a wish for reasoning becomes `thinking` and `output_config.effort` of one Claude model (40-protocols 1.7). */
import { effortOf, nearestEffort } from "../effort.ts";
import type { ChatRequest, Effort } from "../neutral.ts";
import type { Capability } from "../protocol.ts";

export interface ThinkingPlan {
  /** The `thinking` member; null = leave it out. */
  readonly thinking: Record<string, unknown> | null;
  /** `output_config.effort`; null = leave it out. */
  readonly effort: string | null;
  readonly maxTokens: number;
  /** Manual thinking: sampling and forced tool choice do not go with it. */
  readonly manual: boolean;
  readonly warnings: readonly string[];
}

/** Effort -> tokens for models that count them. */
const BUDGETS: Record<Effort, number> = {
  none: 0,
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 16384,
  xhigh: 32000,
  max: 32000,
};

const MIN_BUDGET = 1024;

/** `defaultMax`: max_tokens when the caller gave none. */
export function planThinking(request: ChatRequest, capability: Capability, defaultMax: number): ThinkingPlan {
  const types = capability.thinkingTypes ?? ["adaptive", "disabled"];
  const cap = capability.maxTokens ?? Number.POSITIVE_INFINITY;
  const maxTokens = Math.min(request.sampling.max ?? defaultMax, cap);
  const effort = effortOf(request);
  const base = { thinking: null, effort: null, maxTokens, manual: false, warnings: [] };
  if (effort === "none") return { ...base, ...planOff(capability, types) };
  const wanted =
    effort !== undefined || request.reasoning.budget !== undefined || request.reasoning.adaptive === true;
  if (types.includes("adaptive")) {
    const effortWord = effort === undefined ? null : effortLevel(effort, capability);
    if (!wanted && capability.thinkingDefault !== "on") return base;
    const display = request.reasoning.show === "none" ? "omitted" : "summarized";
    return { ...base, thinking: { type: "adaptive", display }, effort: effortWord };
  }
  if (!wanted) return base;
  if (!types.includes("enabled")) return { ...base, warnings: ["unsupported_reasoning"] };
  return planManual(request, effort ?? "medium", maxTokens, cap, defaultMax);
}

function planManual(
  request: ChatRequest,
  effort: Effort,
  maxTokens: number,
  cap: number,
  defaultMax: number,
): ThinkingPlan {
  const given = request.reasoning.effort === undefined ? request.reasoning.budget : undefined;
  const wanted = given !== undefined && given > 0 ? Math.max(given, MIN_BUDGET) : BUDGETS[effort];
  // Never a 400 because of a default of ours (LiteLLM #27051): without a max of the caller's the budget comes on top.
  const max = request.sampling.max === undefined ? Math.min(defaultMax + wanted, cap) : maxTokens;
  const budget = Math.min(wanted, max - 1);
  if (budget < MIN_BUDGET) {
    return { thinking: null, effort: null, maxTokens, manual: false, warnings: ["thinking_dropped"] };
  }
  return {
    thinking: { type: "enabled", budget_tokens: budget },
    effort: null,
    maxTokens: max,
    manual: true,
    warnings: [],
  };
}

/** No thinking wanted: how that is said differs from model to model. */
function planOff(
  capability: Capability,
  types: readonly string[],
): Pick<ThinkingPlan, "thinking" | "effort" | "warnings"> {
  if (capability.thinkingDefault !== "on") return { thinking: null, effort: null, warnings: [] };
  if (types.includes("disabled")) return { thinking: { type: "disabled" }, effort: null, warnings: [] };
  if (types.includes("between_tools"))
    return { thinking: { type: "between_tools" }, effort: null, warnings: [] };
  return { thinking: null, effort: "low", warnings: ["reasoning_always_on"] };
}

function effortLevel(effort: Effort, capability: Capability): string | null {
  const levels = capability.effortLevels;
  if (levels !== undefined && levels.length === 0) return null;
  return nearestEffort(effort === "minimal" ? "low" : effort, levels);
}

/** Budget for a Claude that counts tokens, by the effort that was asked for (pass-through). */
export function budgetOfEffort(effort: Effort): number {
  return BUDGETS[effort];
}
