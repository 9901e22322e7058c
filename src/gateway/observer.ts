/** A late attempt that lost or was left runs on for nobody but its target's health (30-routing.md, observers). */
import type { Attempt as Ticket } from "../health/attempt.ts";
import type { Verdict } from "../upstream/classify.ts";
import type { Attempt, AttemptOwner } from "./attempt.ts";
import type { Core } from "./core.ts";
import type { Target } from "./target.ts";
import type { Trouble } from "./trouble.ts";

/** Makes the attempt the observer of its target, or cancels it when that place is taken. */
export function observe(
  core: Core,
  attempt: Attempt,
  ticket: Ticket,
  judge: (why: Trouble, target: Target) => Verdict,
): void {
  const now = () => core.time.clock.now();
  if (!attempt.late || !ticket.observe(now(), () => attempt.cancel())) {
    attempt.cancel();
    ticket.settle(now(), "lost");
    return;
  }
  const owner: AttemptOwner = {
    onHead() {},
    onLate() {},
    onContent() {
      attempt.cancel();
      ticket.content(now());
      ticket.settle(now(), "cancelled");
    },
    onFailed(_attempt, why) {
      ticket.settle(now(), judge(why, attempt.target));
    },
    onBroken() {},
    onComplete() {},
  };
  attempt.handOver(owner);
}
