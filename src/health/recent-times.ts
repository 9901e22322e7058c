/** The last 50 durations of one mode of a target, for its median and its 95th percentile. */

const RECENT_TIMES = 50;

export class RecentTimes {
  private times: Float64Array | null = null;
  private sorted: Float64Array | null = null;
  private next = 0;
  count = 0;

  add(ms: number): void {
    this.times ??= new Float64Array(RECENT_TIMES);
    this.times[this.next] = ms;
    this.next = (this.next + 1) % RECENT_TIMES;
    if (this.count < RECENT_TIMES) this.count++;
    this.sorted = null;
  }

  /** Nearest-rank percentile, `share` in (0, 1]; null below `atLeast` samples. */
  percentile(share: number, atLeast: number): number | null {
    if (this.times === null || this.count < atLeast) return null;
    this.sorted ??= this.times.slice(0, this.count).sort();
    return this.sorted[Math.max(0, Math.ceil(share * this.count) - 1)] ?? null;
  }

  /** Oldest first. */
  toArray(): number[] {
    if (this.times === null) return [];
    const start = this.count < RECENT_TIMES ? 0 : this.next;
    return Array.from({ length: this.count }, (_, i) => this.times?.[(start + i) % RECENT_TIMES] ?? 0);
  }
}
