/** Rate limits and budgets: the part of the schema that providers, keys and anonymous peers share. */
import * as v from "valibot";
import { parseDuration } from "../base/units.ts";
import * as is from "./values.ts";

const limit = v.optional(is.integer(0), 0);

const rateLimitSchema = v.pipe(
  is.section({
    rps: v.optional(is.number(0, 1e6), 0),
    burst: v.optional(is.integer(0, 1e6), 0),
    rpm: limit,
    rpd: limit,
    tpm: limit,
    tpd: limit,
    max_concurrency: limit,
  }),
  v.check(
    (rates) => rates.burst === 0 || rates.rps > 0,
    "found burst without rps; allowed: burst together with rps",
  ),
  // A bucket without a size of its own holds one second's worth.
  v.transform((rates) => ({ ...rates, burst: rates.burst || Math.ceil(rates.rps) })),
);
export const rateLimit = v.optional(rateLimitSchema, {});

const WINDOW = 'a window such as "1h", "1d", "30d", or "day" | "month" of the calendar';
export const budgetWindow = v.pipe(
  v.string(WINDOW),
  v.rawTransform(({ dataset, addIssue, NEVER }): number | "day" | "month" => {
    const ms = parseWindow(dataset.value);
    if (ms !== null) return ms;
    addIssue({ message: WINDOW });
    return NEVER;
  }),
);

export const callerBudget = v.optional(
  v.pipe(
    is.section({
      usd: is.unset(is.number(0)),
      tokens: is.unset(is.integer(0)),
      window: v.optional(budgetWindow, "1d"),
    }),
    v.transform((budget) => (budget.usd === null && budget.tokens === null ? null : budget)),
  ),
  {},
);

/** A length of a budget window in milliseconds, or the calendar's word; null when it is neither. At most 366 days. */
function parseWindow(value: string): number | "day" | "month" | null {
  if (value === "day" || value === "month") return value;
  const ms = parseDuration(value);
  return ms !== null && ms >= 60_000 && ms <= 366 * 86_400_000 ? ms : null;
}
