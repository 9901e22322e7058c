/** Bodies kept only to repair a stream that may break: they give way to new requests (30-routing.md, Memory). */
import type { MemoryBudget } from "../limits/memory.ts";

/** Above this part of the budget repairs are not insured any more. */
const INSURED_SHARE = 0.75;

export interface RepairBodies {
  /** The budget that makes room by dropping such bodies, oldest first. */
  readonly memory: MemoryBudget;
  /** `drop` gives the body's permit back. The returned function ends the insurance. */
  insure(drop: () => void): () => void;
  /** Bodies dropped so far, and kept now. */
  readonly dropped: number;
  readonly kept: number;
}

export function createRepairBodies(budget: MemoryBudget): RepairBodies {
  /** In the order of insuring. Bounded by the budget: each holds a permit. */
  const insured = new Set<() => void>();
  let dropped = 0;

  const makeRoom = (bytes: number): void => {
    const limit = budget.cap * INSURED_SHARE;
    for (const drop of insured) {
      if (budget.used + bytes <= limit) return;
      insured.delete(drop);
      dropped++;
      drop();
    }
  };

  return {
    memory: {
      get cap() {
        return budget.cap;
      },
      get used() {
        return budget.used;
      },
      get rejected() {
        return budget.rejected;
      },
      admit(bytes, held) {
        if (held + bytes <= budget.cap) makeRoom(bytes);
        return budget.admit(bytes, held);
      },
      release: (bytes) => budget.release(bytes),
      setCap: (bytes) => budget.setCap(bytes),
    },
    insure(drop) {
      // A key of its own: two streams may hand in the same function.
      const key = () => drop();
      insured.add(key);
      makeRoom(0);
      return () => insured.delete(key);
    },
    get dropped() {
      return dropped;
    },
    get kept() {
      return insured.size;
    },
  };
}
