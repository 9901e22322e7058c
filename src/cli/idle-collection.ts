/** Gives memory back while nothing is under way: V8 collects garbage when it allocates, and an idle gateway does not. */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Timers } from "../base/clock.ts";

const CHECK_MS = 3000;
/** What must have come up since the last collection for one to be worth its time: about 30 ms, more on a router. */
const WORTH_BYTES = 1024 * 1024;

export interface IdleCollectionOptions {
  readonly timers: Timers;
  /** Requests under way. */
  readonly active: () => number;
  readonly memory?: CollectedMemory;
}

/** The process's heap; another in tests. */
export interface CollectedMemory {
  /** Bytes of objects, dead ones included, and of the buffers they hold. */
  used(): number;
  collect(): void;
}

/** Collects once after a time of work, when two looks in a row found nothing under way. @returns what ends it */
export function collectWhenIdle({ timers, active, memory = heap }: IdleCollectionOptions): () => void {
  // The first is for what the start has left behind.
  let left = 0;
  let wasIdle = false;
  const timer = timers.start(CHECK_MS, () => {
    timer.restart(CHECK_MS);
    const isIdle = active() === 0;
    if (isIdle && wasIdle && memory.used() - left >= WORTH_BYTES) {
      memory.collect();
      left = memory.used();
    }
    wasIdle = isIdle;
  });
  return () => timer.cancel();
}

const heap: CollectedMemory = {
  used() {
    const { used_heap_size, external_memory } = getHeapStatistics();
    return used_heap_size + external_memory;
  },
  collect() {
    // Node offers no collection but under a flag, and a flag takes effect in contexts that are made after it.
    setFlagsFromString("--expose-gc");
    const gc: unknown = runInNewContext("gc");
    setFlagsFromString("--no-expose-gc");
    if (typeof gc !== "function") return;
    // "last-resort" also gives the emptied pages back; Node 20 takes an option for the wish of a small collection.
    if (Number.parseInt(process.versions.node, 10) < 22) gc();
    else gc({ type: "major", execution: "sync", flavor: "last-resort" });
  },
};
