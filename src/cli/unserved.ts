/** What a configuration may ask for that this build does not do yet: said at start, so that nobody relies on it. */
import type { Config } from "../config/schema.ts";

interface Unserved {
  /** The section, as in config.toml. */
  readonly section: string;
  readonly effect: string;
  readonly isConfigured: (config: Config) => boolean;
}

const UNSERVED: readonly Unserved[] = [
  {
    section: "[[policy]]",
    effect: "policies are not evaluated: nothing is blocked, alerted or downgraded",
    isConfigured: (config) => config.policy.some((policy) => policy.enabled),
  },
  {
    section: "[[budget]]",
    effect: "budgets are not enforced",
    isConfigured: (config) => config.budget.length > 0,
  },
  {
    section: "[[auth.keys]].budget",
    effect: "budgets of keys are not enforced",
    isConfigured: (config) => config.auth.keys.some((key) => isSet(key.budget)),
  },
  {
    section: "[[auth.keys]].rate_limit",
    effect: "rate limits of keys are not enforced",
    isConfigured: (config) => config.auth.keys.some((key) => isSet(key.rateLimit)),
  },
  {
    section: "[auth.anonymous_limits]",
    effect: "limits of anonymous callers are not enforced",
    isConfigured: ({ auth: { anonymousLimits: limits } }) => isSet(limits.rateLimit) || isSet(limits.budget),
  },
  {
    section: "[provider.*].rate_limit",
    effect: "rate limits of providers are not enforced",
    isConfigured: (config) => [...config.provider.values()].some((provider) => isSet(provider.rateLimit)),
  },
  {
    section: "[[auth.jwt]]",
    effect: "tokens are not accepted: callers with nothing else get 401",
    isConfigured: (config) => config.auth.jwt.length > 0,
  },
  {
    section: "[cache]",
    effect: "answers are not cached",
    isConfigured: (config) => config.cache.enabled,
  },
  {
    section: "[telemetry].otlp_endpoint",
    effect: "nothing is exported",
    isConfigured: (config) => config.telemetry.otlpEndpoint !== "",
  },
  {
    section: "[telemetry].capture_content",
    effect: "no requests are kept",
    isConfigured: (config) => config.telemetry.captureContent,
  },
];

/** One sentence for every configured section whose feature is not in this build. */
export function unservedSections(config: Config): string[] {
  return UNSERVED.filter(({ isConfigured }) => isConfigured(config)).map(
    ({ section, effect }) => `${section} has no effect in this build: ${effect}`,
  );
}

/** A table in which something other than nothing stands. */
function isSet(table: object | null): boolean {
  return table !== null && Object.values(table).some((value) => value !== null && value !== 0);
}
