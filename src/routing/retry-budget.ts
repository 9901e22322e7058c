/** The retry budget of one provider: what second sends, races and hedges may add to its load, so that a storm feeds nothing. */
import { SlidingCount } from "./sliding-count.ts";

const WINDOW = 10_000;
/** With little traffic a few repetitions are always allowed. */
const MINIMUM = 10;

export class RetryBudget {
  private readonly sends = new SlidingCount(WINDOW);
  private readonly extras = new SlidingCount(WINDOW);

  /** A first send, or one that moved on from another target. */
  countSend(now: number): void {
    this.sends.add(now);
  }

  /** Would `take` succeed? `share` is `[retry].budget`. */
  has(now: number, share: number): boolean {
    return this.extras.total(now) < Math.max(MINIMUM, Math.floor(share * this.sends.total(now)));
  }

  /** Takes one second send, race or hedge; false when the budget is used up. */
  take(now: number, share: number): boolean {
    if (!this.has(now, share)) return false;
    this.extras.add(now);
    return true;
  }
}
