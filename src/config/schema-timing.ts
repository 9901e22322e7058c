/** Timeouts, retries and circuit: the part of the schema that aliases and providers may override. */
import * as v from "valibot";
import * as is from "./values.ts";

const PUBLIC_FIRST_TOKEN = 12_000;
const PUBLIC_FIRST_TOKEN_MAX = 180_000;
const PRIVATE_FIRST_TOKEN = 60_000;
const PRIVATE_FIRST_TOKEN_MAX = 900_000;

export const timeouts = v.pipe(
  is.section({
    connect: v.optional(is.delay, "5s"),
    first_token: is.unset(is.delay), // 12s; private 60s
    first_token_max: is.unset(is.delay), // 3m; private 15m
    answer: v.optional(is.delay, "9m"),
    commit: v.optional(is.delay, "30s"),
    idle: v.optional(is.delay, "60s"),
    content_idle: v.optional(is.delay, "5m"),
    total: v.optional(is.duration, "0s"),
    client_stall: v.optional(is.delay, "60s"),
  }),
  // Written out they hold for every provider; only the defaults differ for private ones, which may be loading a model.
  v.transform((set) => ({
    ...set,
    firstToken: set.firstToken ?? PUBLIC_FIRST_TOKEN,
    firstTokenMax: set.firstTokenMax ?? PUBLIC_FIRST_TOKEN_MAX,
    privateFirstToken: set.firstToken ?? PRIVATE_FIRST_TOKEN,
    privateFirstTokenMax: set.firstTokenMax ?? PRIVATE_FIRST_TOKEN_MAX,
  })),
);

export const timeoutOverrides = v.optional(
  is.section({
    connect: is.unset(is.delay),
    first_token: is.unset(is.delay),
    first_token_max: is.unset(is.delay),
    answer: is.unset(is.delay),
    commit: is.unset(is.delay),
    idle: is.unset(is.delay),
    content_idle: is.unset(is.delay),
    total: is.unset(is.duration),
    client_stall: is.unset(is.delay),
  }),
  {},
);

const attempts = is.auto(is.integer(1, 100), 'a whole number between 1 and 100, or "auto"');

export const retry = is.section({
  max_attempts: v.optional(attempts, "auto"),
  per_target: v.optional(is.integer(1, 10), 2),
  backoff_base: v.optional(is.duration, "250ms"),
  backoff_max: v.optional(is.duration, "5s"),
  retry_after_max: v.optional(is.duration, "3s"),
  budget: v.optional(is.number(0, 1), 0.2),
});

export const retryOverrides = v.optional(
  is.section({
    max_attempts: is.unset(attempts),
    per_target: is.unset(is.integer(1, 10)),
    backoff_base: is.unset(is.duration),
    backoff_max: is.unset(is.duration),
    retry_after_max: is.unset(is.duration),
    budget: is.unset(is.number(0, 1)),
  }),
  {},
);

export const circuit = is.section({
  threshold: v.optional(is.integer(1, 1000), 3),
  cooldown: v.optional(is.delay, "15s"),
  cooldown_max: v.optional(is.delay, "5m"),
  idle_decay: v.optional(is.delay, "5m"),
  rate_limit_cooldown: v.optional(is.delay, "30s"),
  credential_cooldown: v.optional(is.delay, "5m"),
});
