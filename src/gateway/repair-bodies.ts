/** Bodies kept only to repair a stream that may break: they give way to new requests (30-routing.md, Memory). */
import type { MemoryBudget } from "../limits/memory.ts";

/** Above this part of the budget repairs are not insured any more. */
const INSURED_SHARE = 0.75;

/** Whose body it is. */
export interface BodyHolder {
  /** Gives the body's permit back. */
  dropBody(): void;
}

export interface RepairBodies {
  /** The budget that makes room by dropping such bodies, oldest first. */
  readonly memory: MemoryBudget;
  insure(holder: BodyHolder): void;
  /** Ends the insurance, if there is one. */
  uninsure(holder: BodyHolder): void;
  /** Bodies dropped so far, and kept now. */
  readonly dropped: number;
  readonly kept: number;
}

export function createRepairBodies(budget: MemoryBudget): RepairBodies {
  /** In the order of insuring. Bounded by the budget: each holds a permit. */
  const insured = new Set<BodyHolder>();
  let dropped = 0;

  const makeRoom = (bytes: number): void => {
    const limit = budget.cap * INSURED_SHARE;
    for (const holder of insured) {
      if (budget.used + bytes <= limit) return;
      insured.delete(holder);
      dropped++;
      holder.dropBody();
    }
  };

  return {
    memory: new InsuredBudget(budget, makeRoom),
    insure(holder) {
      insured.add(holder);
      makeRoom(0);
    },
    uninsure(holder) {
      insured.delete(holder);
    },
    get dropped() {
      return dropped;
    },
    get kept() {
      return insured.size;
    },
  };
}

/** A class: see `Budget`. */
class InsuredBudget implements MemoryBudget {
  constructor(
    private readonly budget: MemoryBudget,
    private readonly makeRoom: (bytes: number) => void,
  ) {}

  get cap(): number {
    return this.budget.cap;
  }

  get used(): number {
    return this.budget.used;
  }

  get rejected(): number {
    return this.budget.rejected;
  }

  admit(bytes: number, held: number): ReturnType<MemoryBudget["admit"]> {
    if (held + bytes <= this.budget.cap) this.makeRoom(bytes);
    return this.budget.admit(bytes, held);
  }

  release(bytes: number): void {
    this.budget.release(bytes);
  }

  setCap(bytes: number): void {
    this.budget.setCap(bytes);
  }
}
