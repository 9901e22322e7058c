/** What the health tests share: one target in simulated time, and the outcomes it can have. */
import type { Random } from "../../src/base/clock.ts";
import type { Attempt, AttemptMode, FailureSignal } from "../../src/health/attempt.ts";
import { DEFAULT_HEALTH_OPTIONS, type HealthOptions } from "../../src/health/options.ts";
import { TargetHealth } from "../../src/health/target-health.ts";

export const CHAT = "chat";

const ANSWER: FailureSignal = {
  counts: false,
  answered: true,
  timedOut: false,
  limited: false,
  cooldownMs: null,
  bench: null,
  clockWrong: false,
};

/** A 500, or a refused connection. */
export const FAILED: FailureSignal = { ...ANSWER, counts: true };
export const TIMED_OUT: FailureSignal = { ...ANSWER, counts: true, answered: false, timedOut: true };
/** A caller's own 4xx. */
export const CALLER_ERROR: FailureSignal = ANSWER;
export const CREDENTIAL: FailureSignal = { ...ANSWER, bench: "credential" };
export const UNKNOWN_MODEL: FailureSignal = { ...ANSWER, bench: "model" };
export const CLOCK_WRONG: FailureSignal = { ...ANSWER, answered: false, clockWrong: true };
export const NO_CONNECTION: FailureSignal = { ...ANSWER, answered: false };
export function limited(cooldownMs: number | null): FailureSignal {
  return { ...ANSWER, limited: true, cooldownMs };
}

/** Jitter in the middle: waits come out as configured. */
export const NO_JITTER: Random = { next: () => 0.5 };

export class Target {
  now = 1_000_000;
  readonly health: TargetHealth;

  constructor(options: Partial<HealthOptions> = {}, random: Random = NO_JITTER) {
    this.health = new TargetHealth({ ...DEFAULT_HEALTH_OPTIONS, ...options }, random);
  }

  get state(): string {
    const admission = this.health.admission(this.now, CHAT);
    return admission.state === "out" ? admission.reason : admission.state;
  }

  /** Milliseconds until the target says it comes back. */
  get left(): number {
    const admission = this.health.admission(this.now, CHAT);
    return admission.state === "out" ? admission.until - this.now : 0;
  }

  start(mode: AttemptMode = "whole"): Attempt {
    const attempt = this.tryStart(mode);
    if (attempt === null) throw new Error("the probe permit is taken");
    return attempt;
  }

  /** As the probe where one is due. */
  tryStart(mode: AttemptMode = "whole"): Attempt | null {
    const as = this.state === "probe" ? "probe" : "plain";
    return this.health.start(this.now, 0, mode, CHAT, as);
  }

  /** One whole request that takes `ms` and ends with `outcome`. */
  ask(outcome: "success" | FailureSignal, ms = 100): void {
    const attempt = this.start();
    this.now += ms;
    attempt.settle(this.now, outcome);
  }

  fail(times: number, ms = 100): void {
    for (let i = 0; i < times; i++) this.ask(FAILED, ms);
  }

  /** Goes on to the moment the next probe is due. */
  toProbe(): void {
    this.now += this.left;
  }
}
