/** The settings that a target's health follows; a reload swaps them under the states that stay. */

/** Milliseconds. `[circuit]` of the configuration. */
export interface CircuitOptions {
  /** Consecutive counted failures that open the circuit. */
  readonly threshold: number;
  /** Wait between probes while they fail quickly. */
  readonly cooldown: number;
  readonly cooldownMax: number;
  /** One failure is forgotten per period of this length without a failure. */
  readonly idleDecay: number;
}

export interface HealthOptions {
  readonly circuit: CircuitOptions;
  /** After a 429 that names no wait. */
  readonly rateLimitCooldown: number;
  /** After a credential, credit, region or permission failure. */
  readonly credentialCooldown: number;
  /** Weight of the newest sample in the averages, 0 to 1. */
  readonly ewmaAlpha: number;
}

export const DEFAULT_HEALTH_OPTIONS: HealthOptions = {
  circuit: { threshold: 3, cooldown: 15_000, cooldownMax: 300_000, idleDecay: 300_000 },
  rateLimitCooldown: 30_000,
  credentialCooldown: 300_000,
  ewmaAlpha: 0.3,
};

/** Out of service for a model the provider does not know, or serves no longer. */
export const UNKNOWN_MODEL_COOLDOWN = 300_000;

/** A failure that came back within this long cost its caller little. */
export const QUICK_FAILURE = 2_000;
