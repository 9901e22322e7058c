/** Everything known about one target: whether it may be asked now, and what every attempt taught about it. */
import type { Random } from "../base/clock.ts";
import type { QuotaReading } from "../base/rate-limits.ts";
import { type Admission, out, PROBE, USABLE } from "./admission.ts";
import { Attempt, type AttemptMode, type AttemptOwner, type FailureSignal, type Outcome } from "./attempt.ts";
import { LatencyAverage, SuccessAverage } from "./averages.ts";
import { Bench } from "./bench.ts";
import { Circuit, jittered } from "./circuit.ts";
import { type HealthOptions, QUICK_FAILURE, UNKNOWN_MODEL_COOLDOWN } from "./options.ts";
import { LearnedQuota, NO_NEED, type QuotaNeed } from "./quota.ts";
import { RecentTimes } from "./recent-times.ts";

/** A circuit that closes lifts the success average to at least this. */
const LIFTED_SUCCESS = 0.9;
/** Samples that the median needs, for the soft deadline. */
const MEDIAN_SAMPLES = 3;
/** Samples that the 95th percentile needs, for hedging. */
const P95_SAMPLES = 20;

export interface Totals {
  attempts: number;
  successes: number;
  /** Counted failures. */
  failures: number;
  tokensIn: number;
  tokensOut: number;
  /** Wall clock of the last attempt's start; 0 = never. */
  lastAt: number;
}

/**
 * One per target identity; shared by every alias that holds the target. `now` is monotonic milliseconds everywhere.
 * Ask `admission` before choosing, `start` when sending; the ticket reports the rest.
 */
export class TargetHealth {
  readonly stream = new LatencyAverage();
  readonly whole = new LatencyAverage();
  readonly success = new SuccessAverage();
  readonly firstContents = new RecentTimes();
  readonly wholeTimes = new RecentTimes();
  readonly circuit: Circuit;
  readonly bench = new Bench();
  readonly quota = new LearnedQuota();
  readonly totals: Totals = { attempts: 0, successes: 0, failures: 0, tokensIn: 0, tokensOut: 0, lastAt: 0 };
  /** By hand; survives a reload. */
  offline = false;
  cooldownUntil = 0;
  clockWrong = false;

  private permit: Attempt | null = null;
  private observer: Attempt | null = null;
  private cancelObserver: (() => void) | null = null;
  private suspectUntil = 0;
  private closed = false;

  private readonly owner: AttemptOwner = {
    takeContent: (attempt) => this.takeSample(attempt, "stream", attempt.firstContent),
    takeObserver: (attempt, now, cancel) => this.takeObserver(attempt, now, cancel),
    takeOutcome: (attempt, now, outcome) => this.takeOutcome(attempt, now, outcome),
  };

  constructor(
    public options: HealthOptions,
    private readonly random: Random,
  ) {
    this.circuit = new Circuit(random);
  }

  /** May this request go to the target now? `need` is what it would take of a learned quota. */
  admission(now: number, endpoint: string, need: QuotaNeed = NO_NEED): Admission {
    if (this.offline) return out("offline", Number.POSITIVE_INFINITY);
    if (this.clockWrong) return out("clock", Number.POSITIVE_INFINITY);
    const benchedUntil = this.bench.until(endpoint, now);
    if (benchedUntil > 0) return out("benched", benchedUntil);
    if (now < this.cooldownUntil) return out("cooling", this.cooldownUntil);
    const { circuit } = this;
    if (circuit.isOpen) {
      if (this.permit !== null) return out("probing", Math.max(now, circuit.waitUntil), circuit.quick, true);
      if (now < circuit.waitUntil) return out("open", circuit.waitUntil, circuit.quick);
      return PROBE;
    }
    if (this.observer !== null) {
      if (this.permit !== null) return out("suspect", Math.max(now, this.suspectUntil), false, true);
      return now < this.suspectUntil ? out("suspect", this.suspectUntil) : PROBE;
    }
    const ready = this.quota.readyAt(need, now);
    return ready > now ? out("quota", ready) : USABLE;
  }

  /**
   * A request is being sent. As `probe` it takes the one permit: null when another one holds it. `plain` sends are
   * usable targets, second sends, and those asked for want of anything better.
   */
  start(
    now: number,
    wall: number,
    mode: AttemptMode,
    endpoint: string,
    as: "plain" | "probe",
    need: QuotaNeed = NO_NEED,
  ): Attempt | null {
    const probing = as === "probe" && (this.circuit.isOpen || this.observer !== null);
    if (probing && this.permit !== null) return null;
    const attempt = new Attempt(this.owner, mode, endpoint, now, this.circuit.period);
    if (probing) this.permit = attempt;
    this.totals.attempts++;
    this.totals.lastAt = wall;
    this.quota.spend(need);
    return attempt;
  }

  /** Average of a mode in milliseconds, provisional values included; -1 while cold. */
  latency(mode: AttemptMode): number {
    return (mode === "stream" ? this.stream : this.whole).value;
  }

  /** Median of the last times to first content; null below 3 samples. */
  medianFirstContent(): number | null {
    return this.firstContents.percentile(0.5, MEDIAN_SAMPLES);
  }

  /** Observed 95th percentile of a mode; null below 20 samples. */
  p95(mode: AttemptMode): number | null {
    return (mode === "stream" ? this.firstContents : this.wholeTimes).percentile(0.95, P95_SAMPLES);
  }

  /** Factor on the weight near the end of a learned quota, in (0, 1]. */
  share(now: number): number {
    return this.quota.share(now);
  }

  get successRate(): number {
    return this.success.value;
  }

  get suspect(): boolean {
    return this.observer !== null;
  }

  get probing(): boolean {
    return this.permit !== null;
  }

  learn(readings: readonly QuotaReading[], now: number): void {
    for (const reading of readings) this.quota.learn(reading, now);
  }

  addTokens(input: number, output: number): void {
    this.totals.tokensIn += input;
    this.totals.tokensOut += output;
  }

  /** By hand: failures, circuit, cooldown, bench, suspicion and probe permit are forgotten; averages of time stay. */
  reset(): void {
    this.circuit.close();
    this.circuit.period++;
    this.success.value = 1;
    this.cooldownUntil = 0;
    this.bench.clear();
    this.clockWrong = false;
    this.permit = null;
    this.endSuspicion(null);
  }

  /** The target is dropped, or everything drains: the observer is not the client's and must be ended here, and none begins. */
  close(): void {
    this.closed = true;
    this.endSuspicion(null);
  }

  private takeSample(attempt: Attempt, mode: AttemptMode, ms: number): void {
    const { circuit } = this;
    const held = this.permit === attempt;
    const speaks = held || this.observer === attempt || attempt.period === circuit.period;
    const closes = circuit.isOpen && speaks;
    const cleared = this.observer !== null;
    if (held) this.permit = null;
    this.endSuspicion(attempt);
    const times = mode === "stream" ? this.firstContents : this.wholeTimes;
    times.add(ms);
    if (closes) this.closeCircuit(attempt);
    if (closes || cleared) {
      this.stream.setAfresh(mode === "stream" ? ms : null);
      this.whole.setAfresh(mode === "whole" ? ms : null);
    } else {
      (mode === "stream" ? this.stream : this.whole).sample(ms, this.options.ewmaAlpha);
    }
    this.clockWrong = false;
  }

  private takeObserver(attempt: Attempt, now: number, cancel: () => void): boolean {
    if (this.observer !== null || this.closed) return false;
    this.observer = attempt;
    this.cancelObserver = cancel;
    this.suspectUntil = now + this.suspicionWait();
    return true;
  }

  private takeOutcome(attempt: Attempt, now: number, outcome: Outcome): void {
    const elapsed = now - attempt.startedAt;
    attempt.successBefore = this.success.value;
    if (outcome === "success") {
      if (attempt.firstContent < 0) this.takeSample(attempt, attempt.mode, elapsed);
      this.takeSuccess(attempt);
      return;
    }
    const held = this.permit === attempt;
    const observed = this.observer === attempt;
    if (held) this.permit = null;
    if (observed) this.forgetObserver();
    if (typeof outcome === "string") {
      if (attempt.firstContent < 0 && (attempt.late || outcome === "lost")) {
        (attempt.mode === "stream" ? this.stream : this.whole).raise(elapsed);
      }
      // A loser that could not observe: the observer that runs will give the verdict.
      if (held && outcome === "lost") this.startWait(now);
    } else if (outcome.counts) {
      this.takeFailure(attempt, now, elapsed, outcome, held, observed);
    } else {
      this.takeAnswer(attempt, now, outcome, held);
    }
  }

  private takeSuccess(attempt: Attempt): void {
    this.totals.successes++;
    this.success.sample(true, this.options.ewmaAlpha);
    if (!this.circuit.isOpen && attempt.period === this.circuit.period) this.circuit.clearFailures();
    this.bench.lift(attempt.endpoint);
  }

  private takeFailure(
    attempt: Attempt,
    now: number,
    elapsed: number,
    signal: FailureSignal,
    held: boolean,
    observed: boolean,
  ): void {
    this.totals.failures++;
    const { circuit, options } = this;
    const quick = !signal.timedOut && elapsed <= QUICK_FAILURE;
    // Begun before the circuit last opened or closed: it tells about the time before.
    if (attempt.period !== circuit.period) {
      if (observed && circuit.isOpen) circuit.noteCost(quick);
      return;
    }
    this.success.sample(false, options.ewmaAlpha);
    if (!circuit.isOpen) circuit.fail(now, quick, options.circuit);
    else if (held) circuit.failProbe(now, attempt.startedAt, quick, options.circuit);
    else circuit.noteCost(quick);
    if (held && this.observer !== null) this.suspectUntil = now + this.suspicionWait();
  }

  private takeAnswer(attempt: Attempt, now: number, signal: FailureSignal, held: boolean): void {
    const { circuit, options } = this;
    if (signal.limited) {
      const wait = signal.cooldownMs ?? options.rateLimitCooldown;
      this.cooldownUntil = Math.max(this.cooldownUntil, now + wait);
    }
    if (signal.bench !== null) {
      const wait = signal.bench === "model" ? UNKNOWN_MODEL_COOLDOWN : options.credentialCooldown;
      this.bench.put(attempt.endpoint, now + wait, signal.bench);
    }
    if (signal.clockWrong) this.clockWrong = true;
    if (!signal.answered) return;
    if (!circuit.isOpen) {
      if (attempt.period === circuit.period) circuit.clearFailures();
      if (held && this.observer !== null) this.suspectUntil = now + this.suspicionWait();
    } else if (held) {
      this.closeCircuit(attempt);
      this.stream.setAfresh(null);
      this.whole.setAfresh(null);
    }
  }

  private closeCircuit(attempt: Attempt): void {
    this.circuit.close();
    this.success.lift(LIFTED_SUCCESS);
    this.permit = null;
    attempt.period = this.circuit.period;
  }

  private startWait(now: number): void {
    if (this.circuit.isOpen) this.circuit.startWait(now, this.options.circuit);
    else if (this.observer !== null) this.suspectUntil = now + this.suspicionWait();
  }

  private suspicionWait(): number {
    return jittered(this.options.circuit.cooldown, this.options.circuit, this.random);
  }

  /** Content came, from `by` or from the observer itself; any other observer is cancelled. */
  private endSuspicion(by: Attempt | null): void {
    const { observer, cancelObserver } = this;
    if (observer === null) return;
    this.forgetObserver();
    if (observer === by) return;
    if (this.permit === observer) this.permit = null;
    observer.discard();
    cancelObserver?.();
  }

  private forgetObserver(): void {
    this.observer = null;
    this.cancelObserver = null;
    // A permit given out for the suspicion alone has no meaning after it.
    if (!this.circuit.isOpen) this.permit = null;
  }
}
