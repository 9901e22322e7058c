/** The system's own clock and timers, for tests that talk over sockets. */
import type { Time, Timer } from "../../../src/base/clock.ts";

export function realTime(): Time {
  return {
    clock: { now: () => performance.now(), wall: () => Date.now() },
    random: { next: () => Math.random() },
    timers: {
      start(delayMs, onTimer) {
        let handle: NodeJS.Timeout | null = null;
        const timer: Timer = {
          restart(delay) {
            if (handle !== null) clearTimeout(handle);
            handle = setTimeout(() => {
              handle = null;
              if (typeof onTimer === "function") onTimer();
              else onTimer.onTimer();
            }, delay);
            handle.unref();
          },
          cancel() {
            if (handle !== null) clearTimeout(handle);
            handle = null;
          },
          get active() {
            return handle !== null;
          },
        };
        timer.restart(delayMs);
        return timer;
      },
    },
  };
}

/** Real timers in which `factor` seconds pass in one. */
export function scaledTime(factor: number): Time {
  const real = realTime();
  return {
    clock: { now: () => performance.now() * factor, wall: () => Date.now() },
    random: real.random,
    timers: {
      start(delayMs, onTimer) {
        const timer = real.timers.start(delayMs / factor, onTimer);
        return {
          restart: (delay) => timer.restart(delay / factor),
          cancel: () => timer.cancel(),
          get active() {
            return timer.active;
          },
        };
      },
    },
  };
}
