/** How long an idle connection of an origin may be kept: what the server says, else 55 s, less where it was seen to close earlier. */
import type { Clock } from "../base/clock.ts";

const DEFAULT_MS = 55_000;
/** A server that promises more is not believed: NAT tables forget. */
const MAX_MS = 600_000;
/** Closing first by so much avoids the race with the server's own close. */
const MARGIN_MS = 1000;
/** What was learned is forgotten: a restart of the server closes connections as well. */
const LESSON_MS = 600_000;

export class IdleLimit {
  readonly #clock: Clock;
  #learned = Number.POSITIVE_INFINITY;
  #learnedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `promised`: the server's `Keep-Alive: timeout`, -1 = none. Milliseconds, 0 = do not keep it. */
  allowed(promised: number, now = this.#clock.now()): number {
    if (now - this.#learnedAt > LESSON_MS) this.#learned = Number.POSITIVE_INFINITY;
    const said = promised < 0 ? DEFAULT_MS : Math.min(MAX_MS, promised - MARGIN_MS);
    return Math.max(0, Math.min(said, this.#learned));
  }

  /** The server closed a connection that had been idle for so long. */
  closedAfter(idleMs: number): void {
    const limit = Math.max(idleMs / 2, idleMs - MARGIN_MS);
    if (limit >= this.#learned) return;
    this.#learned = limit;
    this.#learnedAt = this.#clock.now();
  }
}
