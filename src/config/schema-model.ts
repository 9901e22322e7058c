/** `[model.X]` and `[prices]`: aliases, their targets and what those cost. */
import * as v from "valibot";
import { retryOverrides, timeoutOverrides } from "./schema-timing.ts";
import * as form from "./text-forms.ts";
import * as is from "./values.ts";

export const price = is.section({
  input: is.number(0),
  output: is.number(0),
  cached_input: is.unset(is.number(0)),
  cache_write: is.unset(is.number(0)),
});

export const strategy = is.oneOf("latency", "failover", "price", "weighted");

const target = is.section({
  provider: is.text,
  model: form.modelId,
  price: is.unset(price),
  weight: v.optional(is.number(0, 1e6), 1),
  max_context: is.unset(is.integer(1)),
  max_tokens: is.unset(is.integer(1)),
  prefill: is.unset(is.bool),
  tools: is.unset(is.bool),
  images: is.unset(is.bool),
  json_schema: is.unset(is.bool),
});

const AFTER = '"p95" or a duration above zero such as "800ms"';
const hedge = is.section({
  after: v.optional(
    v.pipe(
      v.string(AFTER),
      v.rawTransform(({ dataset, addIssue, NEVER }): number | "p95" => {
        if (dataset.value === "p95") return "p95";
        const parsed = v.safeParse(is.delay, dataset.value);
        if (parsed.success) return parsed.output;
        addIssue({ message: AFTER });
        return NEVER;
      }),
    ),
    "p95",
  ),
  max_extra: v.optional(is.number(0, 1), 0.05),
  any_price: v.optional(is.bool, false),
});

/** The long form; the loader writes the short one (a list of targets) out. */
export const model = is.section(
  {
    strategy: is.unset(strategy),
    targets: v.array(target, "a list of { provider, model }"),
    fast_tier: v.optional(is.bool, false),
    retry: retryOverrides,
    sticky: v.optional(is.oneOf("auto", "off"), "auto"),
    timeouts: timeoutOverrides,
    hedge: is.unset(hedge),
    continuation: v.optional(is.bool, true),
    private_only: v.optional(is.bool, false),
    strict: v.optional(is.bool, false),
    echo_alias: v.optional(is.bool, false),
  },
  "a list of targets, or a table with targets",
);
