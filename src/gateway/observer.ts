/** A late attempt that lost or was left runs on for nobody but its target's health (30-routing.md, observers). */
import type { Attempt as Ticket } from "../health/attempt.ts";
import type { Verdict } from "../upstream/classify.ts";
import type { Attempt, AttemptOwner } from "./attempt.ts";
import type { Core } from "./core.ts";
import type { Trouble } from "./trouble.ts";

export interface Observation {
  readonly core: Core;
  readonly attempt: Attempt;
  readonly ticket: Ticket;
  /** Must hold neither the request nor its caller: the observer may outlive both by minutes. */
  readonly judge: (why: Trouble) => Verdict;
  /** Books what the attempt cost, once, when it has ended. */
  readonly book: (attempt: Attempt) => void;
}

/** Makes the attempt the observer of its target, or cancels it when that place is taken. */
export function observe({ core, attempt, ticket, judge, book }: Observation): void {
  const now = () => core.time.clock.now();
  const end = () => {
    attempt.cancel();
    book(attempt);
  };
  if (!attempt.late || !ticket.observe(now(), end)) {
    end();
    ticket.settle(now(), "lost");
    return;
  }
  const owner: AttemptOwner = {
    onHead() {
      if (!attempt.target.provider.private) core.uplink.answered();
    },
    onLate() {},
    onFault(_attempt, thrown) {
      core.log.error({ err: thrown }, "an answer that nobody waits for could not be handled");
    },
    onContent() {
      end();
      ticket.content(now());
      ticket.settle(now(), "cancelled");
    },
    onFailed(_attempt, why) {
      book(attempt);
      const verdict = judge(why);
      const { provider } = attempt.target;
      if (verdict.wanSign && !provider.private) core.uplink.settleFailure(provider.origin, ticket, verdict);
      else ticket.settle(now(), verdict);
    },
    onBroken() {},
    onComplete() {},
  };
  attempt.handOver(owner);
}
