/** Exponentially weighted averages of a target: how long it takes, and how often it succeeds. */

/** Milliseconds of one mode. Cold until the first sample. */
export class LatencyAverage {
  private mean = -1;
  private provisional = 0;

  get cold(): boolean {
    return this.mean < 0 && this.provisional === 0;
  }

  /** What the weight uses: the average, or a larger provisional value; -1 while cold. */
  get value(): number {
    return this.cold ? -1 : Math.max(this.mean, this.provisional);
  }

  /** The average without the provisional value; -1 before the first sample. */
  get settled(): number {
    return this.mean;
  }

  /** A true sample; it drops the provisional value. */
  sample(ms: number, alpha: number): void {
    this.mean = this.mean < 0 ? ms : alpha * ms + (1 - alpha) * this.mean;
    this.provisional = 0;
  }

  /** A late attempt was cancelled after `ms`: at least so long would it have taken. Lasts to the next sample. */
  raise(ms: number): void {
    if (ms > this.value) this.provisional = ms;
  }

  /** Forgets the past: what was measured before an outage says nothing of the time after it. */
  setAfresh(ms: number | null): void {
    this.mean = ms ?? -1;
    this.provisional = 0;
  }
}

/** Share of successes: starts at 1, one failure makes it 0.7 and two 0.49 (alpha 0.3). */
export class SuccessAverage {
  value = 1;

  sample(succeeded: boolean, alpha: number): void {
    this.value = (succeeded ? alpha : 0) + (1 - alpha) * this.value;
  }

  /** A circuit that closes gives the target a fair chance again. */
  lift(floor: number): void {
    this.value = Math.max(this.value, floor);
  }
}
