/** What one request waits for between two sends: a time, or something its next target needs. One of each at a time. */
import type { Timer, Timers } from "../base/clock.ts";
import type { PendingSend } from "./plan.ts";

export class Waits {
  /** The target that is asked again when the wait is over; -1 = none. */
  pending = -1;
  readonly #timers: Timers;
  #timer: Timer | null = null;
  /** The target that is asked once what it needs has been fetched. */
  #fetching: { readonly index: number; readonly stop: () => void } | null = null;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** A target will be asked when something has come. */
  get holdsTarget(): boolean {
    return this.pending >= 0 || this.#fetching !== null;
  }

  holds(index: number): boolean {
    return index === this.pending || index === this.#fetching?.index;
  }

  /** In place of what was waited for. */
  start(ms: number, then: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#timers.start(ms, then);
  }

  /** Of two targets that need it the second is asked when the first is through. */
  fetch(index: number, needed: PendingSend, then: () => void): void {
    this.#fetching ??= {
      index,
      stop: needed.fetch(() => {
        this.#fetching = null;
        then();
      }),
    };
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.pending = -1;
    this.#fetching?.stop();
    this.#fetching = null;
  }
}
