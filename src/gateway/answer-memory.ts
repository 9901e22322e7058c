/** The memory one answer takes of the gateway's budget: for what is held back of it, and for what its repair would need. */
import type { MemoryBudget } from "../limits/memory.ts";
import type { KeptMemory } from "../protocols/escaped-text.ts";

export class AnswerMemory implements KeptMemory {
  readonly #budget: MemoryBudget;
  #heldBytes = 0;
  #keptBytes = 0;
  #closed = false;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  /** Takes memory for what is held of the answer; false: there is none. Given back at the end at the latest. */
  hold(bytes: number): boolean {
    if (this.#closed || this.#budget.admit(bytes, this.#heldBytes) !== null) return false;
    this.#heldBytes += bytes;
    return true;
  }

  /** What was held has been passed on. */
  unhold(): void {
    this.#budget.release(this.#heldBytes);
    this.#heldBytes = 0;
  }

  /** Takes memory for what a repair of this answer needs, up to its end; false: there is none. Less than 0: gives it back. */
  keep(bytes: number): boolean {
    if (this.#closed) return false;
    if (bytes < 0) this.#budget.release(-bytes);
    else if (this.#budget.admit(bytes, this.#keptBytes) !== null) return false;
    this.#keptBytes += bytes;
    return true;
  }

  /** The attempt is over: all is given back, and nothing is taken any more. */
  close(): void {
    this.#closed = true;
    this.unhold();
    this.#budget.release(this.#keptBytes);
    this.#keptBytes = 0;
  }
}
