/** What holds for one alias at one provider: the alias's overrides over the provider's over the sections'. */
import type { Config, ModelConfig, ProviderConfig } from "./schema.ts";

/** Milliseconds; `total` 0 is none. */
export type TimeoutsConfig = Omit<Config["timeouts"], "privateFirstToken" | "privateFirstTokenMax">;

/** `[retry]` with `max_attempts` counted out: sends for one request, all targets together. */
export type RetryConfig = Omit<Config["retry"], "maxAttempts"> & { readonly maxAttempts: number };

/** `model` null: a request by `provider/model`, which has no alias. */
export function effectiveTimeouts(
  config: Config,
  model: ModelConfig | null,
  provider: ProviderConfig,
): TimeoutsConfig {
  const { privateFirstToken, privateFirstTokenMax, ...base } = config.timeouts;
  const own = provider.private ? { firstToken: privateFirstToken, firstTokenMax: privateFirstTokenMax } : {};
  const merged = { ...base, ...own, ...given(provider.timeouts), ...given(model?.timeouts) };
  // A soft deadline behind the hard one would never come.
  return { ...merged, firstToken: Math.min(merged.firstToken, merged.firstTokenMax) };
}

/** `targets`: how many the alias has; "auto" is one attempt more than that, at least 4. */
export function effectiveRetry(config: Config, model: ModelConfig | null, targets = 1): RetryConfig {
  const merged = { ...config.retry, ...given(model?.retry) };
  const count = model === null ? targets : model.targets.length;
  const { maxAttempts } = merged;
  return { ...merged, maxAttempts: maxAttempts === "auto" ? Math.max(count + 1, 4) : maxAttempts };
}

/** Where requests go that may lack a model: `[routing].default_provider`, else the first of OpenAI's protocol that is on. */
export function defaultProvider(config: Config): ProviderConfig | null {
  const { defaultProvider: name } = config.routing;
  const providers = name === "" ? [...config.provider.values()] : [config.provider.get(name)];
  return (
    providers.find((provider) => provider?.enabled && (name !== "" || provider.protocol === "openai")) ?? null
  );
}

type Given<T> = { [K in keyof T]?: NonNullable<T[K]> };

/** The members that are set. */
function given<T extends object>(overrides: T | undefined): Given<T> {
  const entries = Object.entries(overrides ?? {}).filter(([, value]) => value !== null);
  return Object.fromEntries(entries) as Given<T>;
}
