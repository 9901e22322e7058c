/** Counts the exchanges of an engine that are under way, and waits for the last of them. */
import type { Timers } from "../base/clock.ts";

export class OpenExchanges {
  #count = 0;
  #onDrained: (() => void) | null = null;

  get count(): number {
    return this.#count;
  }

  begin(): void {
    this.#count++;
  }

  end(): void {
    this.#count--;
    if (this.#count === 0) this.#onDrained?.();
  }

  /** Until none is left, or for so long. */
  async drain(timers: Timers, deadlineMs: number): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      const deadline = timers.start(deadlineMs, resolve);
      this.#onDrained = () => {
        deadline.cancel();
        resolve();
      };
    });
    this.#onDrained = null;
  }
}
