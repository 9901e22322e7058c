/** Time and chance, injected everywhere so that every rule can be tested in simulated time with a seed. */

export interface Clock {
  /** Monotonic milliseconds, for durations. */
  now(): number;
  /** Wall clock, milliseconds since 1970, for dates. May jump. */
  wall(): number;
}

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

/** A running timer. `restart` is cheap enough for every chunk: it only moves the deadline. */
export interface Timer {
  /**
   * Moves the deadline to `delayMs` from now; also revives a timer that has fired or was cancelled. `now`: what the
   * clock has just said, for who knows it.
   */
  restart(delayMs: number, now?: number): void;
  cancel(): void;
  readonly active: boolean;
}

/** What a timer calls: an object where there is one that lives as long, which spares a function for each. */
export type OnTimer = (() => void) | TimerTarget;

export interface TimerTarget {
  onTimer(): void;
}

/** Coarse timers (50 ms) for deadlines: one system timer for all of them. */
export interface Timers {
  /** `now`: what the clock has just said, for who knows it. */
  start(delayMs: number, onTimer: OnTimer, now?: number): Timer;
}

/** What every part that needs time or chance is handed. */
export interface Time {
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;
}
