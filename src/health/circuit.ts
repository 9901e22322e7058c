/** The circuit breaker of one target: counts consecutive failures and says when to ask again. Pure state, no timers. */
import type { Random } from "../base/clock.ts";
import type { CircuitOptions } from "./options.ts";

/** Quick failed probes that cost so little that the wait stays as it is. */
const QUICK_PROBES = 8;

export type CircuitState = "closed" | "open" | "half_open";

/** What survives a restart; durations in milliseconds, `waitLeft` from the moment of writing. */
export interface CircuitRecord {
  readonly failures: number;
  readonly open: boolean;
  readonly waitLeft: number;
  readonly quickProbes: number;
  readonly doublings: number;
  readonly quick: boolean;
}

/**
 * Closed, open, or half-open: open with its wait over. The probe permit is kept by the target's health, which also
 * hands permits out while a target is merely suspect.
 */
export class Circuit {
  private failures = 0;
  private lastFailureAt = 0;
  private opened = false;
  private until = 0;
  private quickProbes = 0;
  private doublings = 0;
  /** The last counted failure came within 2 s: asking costs little. */
  private lastQuick = true;
  /** Grows with every opening and closing: an outcome of an earlier period says nothing of this one. */
  period = 0;

  constructor(private readonly random: Random) {}

  state(now: number): CircuitState {
    if (!this.opened) return "closed";
    return now >= this.until ? "half_open" : "open";
  }

  get isOpen(): boolean {
    return this.opened;
  }

  /** When the next probe may go; monotonic milliseconds. Meaningful while open. */
  get waitUntil(): number {
    return this.until;
  }

  get quick(): boolean {
    return this.lastQuick;
  }

  /** Consecutive failures after idle decay. */
  failureCount(now: number, options: CircuitOptions): number {
    return Math.max(0, this.failures - periods(now - this.lastFailureAt, options.idleDecay));
  }

  /** A counted failure while closed. True when it opened the circuit. */
  fail(now: number, quick: boolean, options: CircuitOptions): boolean {
    this.failures = this.failureCount(now, options) + 1;
    this.lastFailureAt = now;
    this.lastQuick = quick;
    if (this.failures < options.threshold) return false;
    this.opened = true;
    this.period++;
    this.quickProbes = 0;
    this.doublings = 0;
    this.startWait(now, options);
    return true;
  }

  /** The probe that began at `startedAt` failed: the wait starts again, longer when the probe was dear or one of many. */
  failProbe(now: number, startedAt: number, quick: boolean, options: CircuitOptions): void {
    const idle = periods(startedAt - this.until, options.idleDecay);
    this.quickProbes = Math.max(0, this.quickProbes - idle);
    this.doublings = Math.max(0, this.doublings - idle);
    this.lastQuick = quick;
    if (quick) this.quickProbes++;
    if (!quick || this.quickProbes > QUICK_PROBES) this.doublings = Math.min(this.doublings + 1, 30);
    this.startWait(now, options);
  }

  /** A request asked for want of anything better failed: only what the next one would cost is noted. */
  noteCost(quick: boolean): void {
    this.lastQuick = quick;
  }

  /** Starts the wait again, undoubled: the probe gave no verdict. */
  startWait(now: number, options: CircuitOptions): void {
    this.until = now + jittered(options.cooldown * 2 ** this.doublings, options, this.random);
  }

  /** An answer that is not a counted failure, while closed: the row is broken. */
  clearFailures(): void {
    this.failures = 0;
  }

  close(): void {
    if (this.opened) this.period++;
    this.opened = false;
    this.failures = 0;
    this.quickProbes = 0;
    this.doublings = 0;
    this.lastQuick = true;
  }

  record(now: number, options: CircuitOptions): CircuitRecord {
    return {
      failures: this.failureCount(now, options),
      open: this.opened,
      waitLeft: this.opened ? Math.max(0, this.until - now) : 0,
      quickProbes: this.quickProbes,
      doublings: this.doublings,
      quick: this.lastQuick,
    };
  }

  restore(record: CircuitRecord, now: number): void {
    this.failures = record.failures;
    this.lastFailureAt = now;
    this.opened = record.open;
    this.until = now + record.waitLeft;
    this.quickProbes = record.quickProbes;
    this.doublings = record.doublings;
    this.lastQuick = record.quick;
  }
}

/** A wait with +-10 % jitter, never above `cooldownMax`. */
export function jittered(wait: number, options: CircuitOptions, random: Random): number {
  return Math.min(wait * (0.9 + 0.2 * random.next()), options.cooldownMax);
}

function periods(elapsed: number, period: number): number {
  return period > 0 && elapsed > 0 ? Math.floor(elapsed / period) : 0;
}
