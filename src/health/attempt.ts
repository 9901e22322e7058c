/** The ticket of one send to one target: it reports what happened exactly once, and gives the probe permit back on every way out. */
import type { BenchReason } from "./bench.ts";

export type AttemptMode = "stream" | "whole";

/** What a failure tells about the target. The verdict of `upstream/classify` has these members. */
export interface FailureSignal {
  /** A failure for averages and circuit. */
  readonly counts: boolean;
  /** The target spoke, whatever it said: a half-open circuit closes on it unless it counts. */
  readonly answered: boolean;
  /** A deadline of ours ended it. */
  readonly timedOut: boolean;
  /** A rate limit: not before `cooldownMs`, or the configured cooldown when the answer names no time. */
  readonly limited: boolean;
  readonly cooldownMs: number | null;
  readonly bench: BenchReason | null;
  /** The certificate seems wrong because our own clock may be: out until the clock jumps. */
  readonly clockWrong: boolean;
}

/**
 * How an attempt ended: `success` = complete; `cancelled` = by us or because the client is gone, no verdict;
 * `lost` = a late one that lost its race, or was left, and did not become the observer.
 */
export type Outcome = "success" | "cancelled" | "lost" | FailureSignal;

/** The target's side of a ticket. */
export interface AttemptOwner {
  takeContent(attempt: Attempt, now: number): void;
  takeObserver(attempt: Attempt, now: number, cancel: () => void): boolean;
  takeOutcome(attempt: Attempt, now: number, outcome: Outcome): void;
}

export class Attempt {
  private over = false;
  /** Milliseconds to the first content event; -1 before. */
  firstContent = -1;
  /** It passed its soft deadline: cancelling it now raises the provisional latency. */
  late = false;
  /** The success average before this attempt's outcome: what decides whether the target is asked once more. */
  successBefore = 1;

  constructor(
    private readonly owner: AttemptOwner,
    readonly mode: AttemptMode,
    readonly endpoint: string,
    /** Monotonic milliseconds. */
    readonly startedAt: number,
    /** The circuit's period it speaks for. */
    public period: number,
  ) {}

  get settled(): boolean {
    return this.over;
  }

  /** The first content event of a stream. Later calls do nothing. */
  content(now: number): void {
    if (this.over || this.firstContent >= 0) return;
    this.firstContent = now - this.startedAt;
    this.owner.takeContent(this, now);
  }

  /** The soft deadline passed without content. */
  markLate(): void {
    if (this.firstContent < 0) this.late = true;
  }

  /**
   * Runs on as the target's observer: report its `content` or `settle` later. False: the place is taken, or it may
   * not observe (content seen, not a stream): cancel it and settle it as `lost`. `cancel` is called once when the
   * observer is not needed any more; the ticket is settled by then.
   */
  observe(now: number, cancel: () => void): boolean {
    if (this.over || this.firstContent >= 0 || this.mode !== "stream") return false;
    return this.owner.takeObserver(this, now, cancel);
  }

  /** Reports the end. Only the first call counts. */
  settle(now: number, outcome: Outcome): void {
    if (this.over) return;
    this.over = true;
    this.owner.takeOutcome(this, now, outcome);
  }

  /** Ends the ticket without a report: the target needs it no more. */
  discard(): void {
    this.over = true;
  }
}
