/** When an attempt without content is late, and what is done then: race the next target, leave for it, or wait. */

/** A TCP connection not there after this long is late. */
export const CONNECT_LATE = 3_000;
/** What a probe may cost its caller before the next target is asked beside it. */
const PROBE_LATE = 1_000;
/** The same for a non-streaming probe when the next target's average is not known. */
const PROBE_LATE_UNKNOWN = 5_000;

/** Milliseconds after the send at which a stream without content is late. `median` null = fewer than 3 samples. */
export function softDeadline(firstToken: number, firstTokenMax: number, median: number | null): number {
  return Math.min(Math.max(firstToken, median === null ? 0 : 3 * median), firstTokenMax);
}

/** The same for a half-open or suspect probe. `nextAverage` = the next target's average of the mode, -1 = unknown. */
export function probeDeadline(mode: "stream" | "whole", nextAverage: number): number {
  if (mode === "stream") return PROBE_LATE;
  return nextAverage < 0 ? PROBE_LATE_UNKNOWN : nextAverage + PROBE_LATE;
}

export interface Lateness {
  /** Another target is usable and not yet given up on by this request. */
  readonly hasNext: boolean;
  /** The late attempt is a probe: its race needs no budget. */
  readonly probe: boolean;
  /** The retry budget has room for a race. */
  readonly hasBudget: boolean;
  /** Attempts of this request that run now, the late one included; all of them are late. */
  readonly running: number;
}

/**
 * `race`: ask the next beside it. `leave_oldest`: at most two run at once, the older makes room. `leave`: no budget for
 * a race, move on. `wait`: the last usable one is never left.
 */
export function decideLate(facts: Lateness): "race" | "leave_oldest" | "leave" | "wait" {
  if (!facts.hasNext) return "wait";
  if (facts.running >= 2) return "leave_oldest";
  return facts.probe || facts.hasBudget ? "race" : "leave";
}
