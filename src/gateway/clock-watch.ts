/** Notices when the wall clock jumps (a router sets it minutes after it has started), by holding it against the monotonic one. */
import type { Time } from "../base/clock.ts";

const LOOK_EVERY_MS = 10_000;
/** NTP slews by less than this between two looks; whoever sets the clock moves it by more. */
const JUMP_MS = 2000;

/** Calls `onJump` with the milliseconds it went forward (negative: back). Returns what ends the watch. */
export function watchClock(time: Time, onJump: (byMs: number) => void): () => void {
  const offset = () => time.clock.wall() - time.clock.now();
  let last = offset();
  const timer = time.timers.start(LOOK_EVERY_MS, () => {
    const next = offset();
    const by = next - last;
    last = next;
    timer.restart(LOOK_EVERY_MS);
    if (Math.abs(by) >= JUMP_MS) onJump(by);
  });
  return () => timer.cancel();
}
