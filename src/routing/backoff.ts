/** Waits before a second send: full jitter, as the AWS architecture blog "Exponential Backoff And Jitter" has it. */
import type { Random } from "../base/clock.ts";

/** Milliseconds. `[retry]` of the configuration. */
export interface BackoffOptions {
  readonly backoffBase: number;
  readonly backoffMax: number;
}

/** `U(0,1) * min(base * 2^(n-1), max)` before the n-th repetition, n from 1. */
export function backoff(repetition: number, options: BackoffOptions, random: Random): number {
  const bound = Math.min(options.backoffBase * 2 ** Math.min(repetition - 1, 30), options.backoffMax);
  return random.next() * bound;
}

/** A wait the provider asked for, with up to 10 % on top so that waiting callers do not return all at once. */
export function askedWait(waitMs: number, random: Random): number {
  return waitMs * (1 + 0.1 * random.next());
}
