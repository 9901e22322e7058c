/** Rules of `[model.X]`: aliases, targets, prices. */
import type { CheckInput, CheckReport } from "./check-report.ts";
import { suggestion } from "./nearest.ts";
import { lookupPrice } from "./prices.ts";
import type { ModelConfig } from "./schema.ts";

const MAX_ALIASES = 1024;
const MAX_TARGETS = 64;

export function checkModels(input: CheckInput, report: CheckReport): void {
  if (input.aliases.size > MAX_ALIASES)
    report.error(["model"], `found ${input.aliases.size} aliases; allowed: at most ${MAX_ALIASES}`);
  for (const model of input.config.model.values()) {
    checkTargets(model, input, report);
    checkWeights(model, report);
    checkPrices(model, input, report);
  }
}

function checkTargets(model: ModelConfig, input: CheckInput, report: CheckReport): void {
  const path = ["model", model.alias, "targets"];
  if (model.targets.length === 0) report.error(path, "found an empty list; allowed: at least one target");
  if (model.targets.length > MAX_TARGETS)
    report.error(path, `found ${model.targets.length} targets; allowed: at most ${MAX_TARGETS}`);
  const seen = new Set<string>();
  model.targets.forEach((target, index) => {
    if (!input.providerNames.has(target.provider))
      report.error(
        [...path, index, "provider"],
        `found ${JSON.stringify(target.provider)}, which is no provider of this file${suggestion(target.provider, input.providerNames)}`,
      );
    const id = `${target.provider}/${target.model}`;
    if (seen.has(id)) report.error([...path, index], `found ${id} a second time; allowed: each target once`);
    seen.add(id);
  });
  const known = model.targets.every((target) => input.config.provider.has(target.provider));
  if (model.privateOnly && known && !model.targets.some((target) => isPrivate(target.provider, input)))
    report.warn(
      ["model", model.alias, "private_only"],
      "leaves no target: none of its providers is on the own network",
    );
}

function isPrivate(provider: string, input: CheckInput): boolean {
  return input.config.provider.get(provider)?.private === true;
}

function checkWeights(model: ModelConfig, report: CheckReport): void {
  if (
    model.strategy === "weighted" &&
    model.targets.length > 0 &&
    model.targets.every(({ weight }) => weight === 0)
  )
    report.error(["model", model.alias, "targets"], "found no weight above 0; allowed: at least one");
}

/** Unknown is not 0 (50-governance.md): what is decided or limited by price needs one. */
function checkPrices(model: ModelConfig, input: CheckInput, report: CheckReport): void {
  const limited = hasUsdBudget(model.alias, input);
  if (model.strategy !== "price" && !limited) return;
  const unpriced = model.targets
    .filter((target) => input.config.provider.has(target.provider))
    .filter(
      (target) => target.model !== "$model" && target.price === null && !isPrivate(target.provider, input),
    )
    .filter((target) => lookupPrice(input.config, target.provider, target.model) === null)
    .map((target) => `${target.provider}/${target.model}`);
  if (unpriced.length === 0) return;
  const why = model.strategy === "price" ? "its strategy is price" : "a budget in USD applies to it";
  report.warn(
    ["model", model.alias],
    `has targets without a known price although ${why}: ${unpriced.join(", ")}`,
  );
}

function hasUsdBudget(alias: string, input: CheckInput): boolean {
  const { budget, auth } = input.config;
  return (
    budget.some(({ scope, usd }) => usd !== null && (scope.kind !== "alias" || scope.name === alias)) ||
    auth.keys.some(
      ({ budget: own, models }) => own?.usd != null && (models.length === 0 || models.includes(alias)),
    ) ||
    auth.anonymousLimits.budget?.usd != null
  );
}
