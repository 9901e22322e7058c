/** Depth of reasoning between vendors that name levels and vendors that count tokens (40-protocols 1.7). */
import type { ChatRequest, Effort } from "./neutral.ts";

const EFFORTS: readonly Effort[] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

export function isEffort(value: unknown): value is Effort {
  return typeof value === "string" && (EFFORTS as readonly string[]).includes(value);
}

/** Budget in tokens -> effort; -1 (the vendor's own choice) has none. */
export function effortOfBudget(budget: number): Effort | undefined {
  if (budget === -1) return undefined;
  if (budget <= 0) return "none";
  if (budget < 4096) return "low";
  if (budget < 16384) return "medium";
  return budget < 32000 ? "high" : "xhigh";
}

/** What the caller asked for; a named effort wins over a budget. undefined = the vendor's default. */
export function effortOf(request: ChatRequest): Effort | undefined {
  const { effort, budget } = request.reasoning;
  if (effort !== undefined) return effort;
  return budget === undefined ? undefined : effortOfBudget(budget);
}

/** The nearest level at or below that the model takes, else the lowest it has; unknown levels pass. */
export function nearestEffort(effort: Effort, levels: readonly string[] | undefined): Effort {
  if (levels === undefined || levels.length === 0 || levels.includes(effort)) return effort;
  for (let i = EFFORTS.indexOf(effort) - 1; i >= 0; i--) {
    const lower = EFFORTS[i];
    // Asking for none must not become the answer to asking for something.
    if (lower !== undefined && lower !== "none" && levels.includes(lower)) return lower;
  }
  return EFFORTS.find((level) => level !== "none" && levels.includes(level)) ?? effort;
}
