/** A late target: another one is asked beside it, or it is left, or waited for; and what becomes of those that lose (30-routing.md, Late targets and hedging). */
import { mayHedgeTo } from "../routing/hedge.ts";
import { decideLate } from "../routing/late.ts";
import { bookAttempt } from "./cost.ts";
import { observe } from "./observer.ts";
import type { Run, Walk } from "./walk.ts";

/** How often a late attempt looks whether another target has become usable. */
const LATE_AGAIN_MS = 1000;

/** Sends it. */
export function startAttempt(walk: Walk, run: Run): void {
  const { candidates, record } = walk;
  const { attempt, index } = run;
  const hedged = candidates.hedgeMs(index, record.alias?.hedge ?? null);
  const soft = candidates.softMs(index, attempt.probe);
  run.hedge = hedged > 0 && !run.anyway && (soft === 0 || hedged < soft);
  attempt.start(run.hedge ? hedged : soft);
}

/** The soft deadline of `run`, or (`unconnected`) that of its connection, has passed. */
export function answerLate(walk: Walk, run: Run, unconnected: boolean): void {
  const { candidates, core, sends } = walk;
  const { attempt } = run;
  const now = core.time.clock.now();
  const next = sends.left ? walk.next(now) : -1;
  const room = next >= 0 && sends.hasBudget(next, now);
  const hedge = run.hedge && !(unconnected && attempt.stream);
  run.hedge = false;
  if (hedge) {
    if (!room || walk.running.length > 1 || !mayHedge(walk, run, next, now)) {
      attempt.late = false;
      const soft = candidates.softMs(run.index, attempt.probe);
      if (soft > 0) attempt.rearmSoft(Math.max(1, soft - (now - attempt.startedAt)));
      return;
    }
    walk.record.route += "; hedged";
  }
  run.ticket.markLate();
  const decision = decideLate({
    hasNext: next >= 0,
    probe: attempt.probe,
    hasBudget: room,
    running: walk.running.length,
  });
  if (decision === "wait") {
    if (walk.request.targets.length > 1) attempt.rearmSoft(LATE_AGAIN_MS);
    return;
  }
  if (decision === "race") {
    if (!attempt.probe) sends.takeBudget(next, now);
    walk.launch(next, candidates.asOf(next, now), "extra");
    return;
  }
  walk.leave(decision === "leave" ? run : (walk.running[0] ?? run));
  walk.launch(next, candidates.asOf(next, now), "turn");
}

/** Lost, or left for the next target: it becomes its target's observer where that place is free. */
export function observeLoser(walk: Walk, run: Run): void {
  const { core, candidates, request, failed } = walk;
  const { attempt, ticket, note, index } = run;
  candidates.giveUp(index);
  note.cause ||= "late";
  note.message ||= "no content in time, another target was asked";
  note.ms = core.time.clock.now() - attempt.startedAt;
  const health = candidates.health(index);
  // An observer holds no body: the estimate is made now.
  const promptTokens = request.need.estimate();
  observe({
    core,
    attempt,
    ticket,
    judge: failed.judgeOf(attempt.target),
    book: (ended) => {
      bookAttempt(core, health, ended, { estimate: () => promptTokens });
    },
  });
}

function mayHedge({ candidates, record, state }: Walk, run: Run, next: number, now: number): boolean {
  const hedge = record.alias?.hedge ?? null;
  if (hedge === null) return false;
  const from = candidates.target(run.index).price;
  const to = candidates.target(next).price;
  return (
    mayHedgeTo(from, to, candidates.context(now), hedge.anyPrice) && state.hedges.take(now, hedge.maxExtra)
  );
}
