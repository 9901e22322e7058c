/** Gives memory back while nothing is under way: V8 collects garbage when it allocates, and an idle gateway does not. */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Timers } from "../base/clock.ts";

const CHECK_MS = 3000;
/** Looks that must find nothing before the first request, when nothing is warm yet, and after one. */
const LOOKS_AT_START = 2;
/** A full collection throws compiled code away: requests after it cost twice as much for seconds, so only a long pause (2 min) earns one. */
const LOOKS_AFTER_WORK = 40;
/** What must have come up since the last collection for one to be worth its time: about 30 ms, more on a router. */
const WORTH_BYTES = 1024 * 1024;

export interface IdleCollectionOptions {
  readonly timers: Timers;
  /** Requests under way. */
  readonly active: () => number;
  /** Requests so far. */
  readonly served: () => number;
  readonly memory?: CollectedMemory;
}

/** The process's heap; another in tests. */
export interface CollectedMemory {
  /** Bytes of objects, dead ones included, and of the buffers they hold. */
  used(): number;
  collect(): void;
}

/** Collects once after the start and once after a time of work, when a row of looks found nothing going on. @returns what ends it */
export function collectWhenIdle({
  timers,
  active,
  served,
  memory = heap,
}: IdleCollectionOptions): () => void {
  let left = 0;
  let idleLooks = 0;
  let before = 0;
  const timer = timers.start(CHECK_MS, () => {
    timer.restart(CHECK_MS);
    const now = served();
    idleLooks = active() === 0 && now === before ? idleLooks + 1 : 0;
    before = now;
    if (idleLooks < (now === 0 ? LOOKS_AT_START : LOOKS_AFTER_WORK)) return;
    if (memory.used() - left < WORTH_BYTES) return;
    memory.collect();
    left = memory.used();
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
