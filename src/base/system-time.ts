/** The real clock, the real dice and the one timer wheel of the process, made once by the entry point and handed down. */
import { performance } from "node:perf_hooks";
import type { Time } from "./clock.ts";
import { createTimerWheel, type TimerWheel } from "./timer-wheel.ts";

export interface SystemTime extends Time {
  readonly timers: TimerWheel;
}

export function createSystemTime(): SystemTime {
  // Imported: the global of that name is an accessor, whose every use costs several times what the clock does.
  const clock = { now: () => performance.now(), wall: () => Date.now() };
  return { clock, random: { next: () => Math.random() }, timers: createTimerWheel(clock) };
}
