/** Counts of events in a sliding window, in twelve slots at most: bounded whatever the load. */

export class SlidingCount {
  private readonly slots: Float64Array;
  private slot = 0;

  /** Nothing younger than `windowMs` is ever left out; up to one slot more is counted. */
  constructor(
    private readonly windowMs: number,
    private readonly slotCount = 10,
  ) {
    this.slots = new Float64Array(slotCount + 1);
  }

  add(now: number): void {
    this.advance(now);
    const at = this.slot % this.slots.length;
    this.slots[at] = (this.slots[at] ?? 0) + 1;
  }

  total(now: number): number {
    this.advance(now);
    let sum = 0;
    for (const count of this.slots) sum += count;
    return sum;
  }

  private advance(now: number): void {
    const slot = Math.floor(now / (this.windowMs / this.slotCount));
    if (slot <= this.slot) return;
    const passed = Math.min(slot - this.slot, this.slots.length);
    for (let i = 1; i <= passed; i++) this.slots[(slot - passed + i) % this.slots.length] = 0;
    this.slot = slot;
  }
}
