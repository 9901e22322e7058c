/** The attempt loop of one request: walks its targets, repeats, races and leaves them, until one answer is delivered or none can be. */
import type { Timer } from "../base/clock.ts";
import { Failure, toFailure } from "../base/failure.ts";
import type { Attempt as Ticket } from "../health/attempt.ts";
import { askedWait, backoff } from "../routing/backoff.ts";
import { mayHedgeTo } from "../routing/hedge.ts";
import { decideLate } from "../routing/late.ts";
import { nothingUsable } from "../routing/nothing-usable.ts";
import { missedTargets, orderTargets } from "../routing/order.ts";
import { secondSend } from "../routing/second-send.ts";
import type { Verdict } from "../upstream/classify.ts";
import type { ResponseHead } from "../upstream/client.ts";
import { quotaReadings } from "../upstream/rate-limit-headers.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import { Candidates, type LoopRequest } from "./candidates.ts";
import type { AliasState, Core } from "./core.ts";
import { bookAttempt } from "./cost.ts";
import type { Delivery } from "./delivery.ts";
import { observe } from "./observer.ts";
import { composeFailure, describe, type FailedAttempt } from "./outcome.ts";
import {
  AS_IT_IS,
  type Continued,
  type PendingSend,
  type Plan,
  type PreparedSend,
  type Rework,
} from "./plan.ts";
import type { AttemptNote, RequestRecord } from "./record.ts";
import type { Target } from "./target.ts";
import { type Trouble, trouble } from "./trouble.ts";
import { judge } from "./verdict.ts";

export type { LoopRequest } from "./candidates.ts";

interface Running {
  readonly attempt: Attempt;
  readonly ticket: Ticket;
  readonly index: number;
  readonly note: AttemptNote;
  /** Asked for want of anything better: no second send. */
  readonly anyway: boolean;
  /** Its soft deadline is an earlier one, for hedging. */
  hedge: boolean;
}

/** Callers that may wait for one target; the next ones are refused at once. */
const MAX_WAITERS = 1024;
const NONE_MISSED: readonly string[] = [];
/** How often a caller that waits for somebody else's probe looks again. */
const PROBE_POLL_MS = 50;
/** How often a late attempt looks whether another target has become usable. */
const LATE_AGAIN_MS = 1000;

export class RequestLoop implements AttemptOwner {
  readonly #core: Core;
  readonly #record: RequestRecord;
  readonly #plan: Plan;
  readonly #delivery: Delivery;
  readonly #request: LoopRequest;
  readonly #state: AliasState;
  readonly #onEnd: () => void;
  readonly #candidates: Candidates;
  readonly #failed: FailedAttempt[] = [];
  readonly #sendsTo: number[];
  readonly #rework: Rework[];
  readonly #corrected = new Set<number>();
  readonly #noPrefill = new Set<number>();
  #running: Running[] = [];
  #winner: Running | null = null;
  #sends = 0;
  #repetitions = 0;
  /** The target that is asked again when `#wait` is over; -1 = none. */
  #pending = -1;
  /** The target whose second send has its budget at this moment; -1 = none. */
  #granted = -1;
  #wait: Timer | null = null;
  /** The target that is asked once what it needs has been fetched. */
  #fetching: { readonly index: number; readonly stop: () => void } | null = null;
  #total: Timer | null = null;
  /** The target this caller stands in line for. */
  #line: string | null = null;
  #waitedMs = 0;
  /** Since when it has waited for somebody else's probe; -1 = it does not. */
  #probeSince = -1;
  #over = false;
  #continued = 0;
  /** The answer that broke, while it is being finished. */
  #broken: Omit<Continued, "prefill"> | null = null;
  /** Why it could not be put to any target. */
  #unput: Failure | null = null;
  #uninsure: (() => void) | null = null;

  constructor(
    core: Core,
    record: RequestRecord,
    plan: Plan,
    delivery: Delivery,
    request: LoopRequest,
    state: AliasState,
    onEnd: () => void,
  ) {
    this.#core = core;
    this.#record = record;
    this.#plan = plan;
    this.#delivery = delivery;
    this.#request = request;
    this.#state = state;
    this.#onEnd = onEnd;
    this.#candidates = new Candidates(core, request, plan.stream, plan.endpoint);
    this.#sendsTo = request.targets.map(() => 0);
    this.#rework = request.targets.map(() => AS_IT_IS);
  }

  start(): void {
    const { targets } = this.#request;
    const now = this.#now;
    const total = targets[0]?.timeouts.total ?? 0;
    if (total > 0) this.#total = this.#core.time.timers.start(total, () => this.#onTotal(total));
    this.#state.hedges.countRequest(now);
    const candidates = this.#candidates;
    this.#record.wanDown = this.#core.uplink.wan.isDown;
    const route = orderTargets(
      candidates.routes,
      candidates.states(now),
      candidates.abilities,
      this.#state.strategy,
      this.#core.stickiness,
      candidates.context(now, this.#record.snapshot.config.routing.errorThreshold),
    );
    candidates.order = route.order;
    this.#record.route = route.reason;
    this.#record.routedAt = now;
    const first = candidates.order[0];
    if (first === undefined) this.#lastResort();
    else this.#launch(first, route.probe ? "probe" : "plain", false, false);
  }

  /** The caller is gone, or everything ends: nothing more is sent, nobody is blamed. */
  cancel(): void {
    if (this.#over) return;
    this.#cancelRunning();
    this.#end();
  }

  onHead(attempt: Attempt, head: ResponseHead): void {
    const run = this.#find(attempt);
    if (run === undefined) return;
    const readings = quotaReadings(head.headers, this.#core.time.clock);
    if (readings.length > 0) this.#candidates.health(run.index).learn(readings, this.#now);
    if (!attempt.target.provider.private) this.#core.uplink.answered();
  }

  onContent(attempt: Attempt): void {
    const run = this.#find(attempt);
    if (run === undefined || this.#over) return;
    if (this.#winner !== null) {
      this.#leave(run);
      return;
    }
    this.#winner = run;
    const now = this.#now;
    if (attempt.stream) run.ticket.content(now);
    this.#stopWaiting();
    for (const other of [...this.#running]) if (other !== run) this.#leave(other);
    if (this.#record.firstContentAt === 0) this.#record.firstContentAt = now;
    this.#record.answeredBy = attempt.target.label;
    this.#record.provider = attempt.target.provider.name;
    attempt.deliver(this.#delivery);
    // The head of the answer may have needed the request; what follows does not, unless it must be repaired.
    if (this.#winner !== run) return;
    if (this.#mayRepair) this.#uninsure = this.#core.repairBodies.insure(() => this.#dropBody());
    else {
      // The estimate, where the answer brings no figures, needs the body.
      if (attempt.stream || attempt.usage?.input == null) this.#request.need.estimate();
      this.#letGo();
    }
  }

  onLate(attempt: Attempt, unconnected: boolean): void {
    const run = this.#find(attempt);
    if (run === undefined || this.#over || this.#winner !== null) return;
    const now = this.#now;
    const next = this.#sends < this.#maxAttempts ? this.#next(now) : -1;
    const room = next >= 0 && this.#hasBudget(next, now);
    const hedge = run.hedge && !(unconnected && attempt.stream);
    run.hedge = false;
    if (hedge) {
      if (!room || this.#running.length > 1 || !this.#mayHedge(run, next, now)) {
        attempt.late = false;
        const soft = this.#candidates.softMs(run.index, attempt.probe);
        if (soft > 0) attempt.rearmSoft(Math.max(1, soft - (now - attempt.startedAt)));
        return;
      }
      this.#record.route += "; hedged";
    }
    run.ticket.markLate();
    const decision = decideLate({
      hasNext: next >= 0,
      probe: attempt.probe,
      hasBudget: room,
      running: this.#running.length,
    });
    if (decision === "wait") {
      if (this.#request.targets.length > 1) attempt.rearmSoft(LATE_AGAIN_MS);
      return;
    }
    if (decision === "race") {
      if (!attempt.probe) this.#takeBudget(next, now);
      this.#launch(next, this.#candidates.asOf(next, now), true, false);
      return;
    }
    this.#leave(decision === "leave" ? run : (this.#running[0] ?? run));
    this.#launch(next, this.#candidates.asOf(next, now), false, false);
  }

  onFailed(attempt: Attempt, why: Trouble): void {
    const run = this.#take(attempt);
    if (run === null || this.#over) return;
    const verdict = this.#judgeFor(run.attempt.target, why);
    const successBefore = this.#candidates.health(run.index).successRate;
    this.#book(run.attempt, false);
    this.#noteFailure(run, why, verdict);
    if (verdict.limited) this.#candidates.limited.add(run.index);
    const { provider } = attempt.target;
    if (verdict.wanSign && !provider.private) {
      this.#core.uplink.settleFailure(provider.origin, run.ticket, verdict);
    } else {
      run.ticket.settle(this.#now, verdict);
    }
    this.#moveOn(run, verdict, successBefore);
  }

  onBroken(attempt: Attempt, why: Trouble): void {
    const run = this.#take(attempt);
    if (run === null || this.#over) return;
    this.#winner = null;
    this.#uninsure?.();
    this.#uninsure = null;
    const judged = this.#judgeFor(attempt.target, why);
    this.#noteFailure(run, why, judged);
    // A repair that began another answer, and a refusal, are no faults of the target.
    run.ticket.settle(this.#now, why.kind === "departed" ? "cancelled" : judged);
    this.#candidates.given.add(run.index);
    this.#book(attempt, false);
    if (why.kind !== "departed" && judged.next !== "no" && this.#tryContinue(run)) return;
    this.#core.totals.unrepaired++;
    this.#finish(composeFailure(this.#failed).failure);
  }

  onComplete(attempt: Attempt): void {
    const run = this.#take(attempt);
    if (run === null || this.#over) return;
    const now = this.#now;
    run.ticket.settle(now, "success");
    run.note.ms = now - attempt.startedAt;
    this.#book(attempt, true);
    if (this.#continued > 0) this.#core.totals.continuations++;
    // A converted answer may quote the request; a relayed one cannot.
    this.#record.bodyDone = this.#sends === 1 && attempt.speaksCallers && attempt.sent;
    const { sessionKey } = this.#request;
    if (sessionKey !== "") {
      const { routes, given } = this.#candidates;
      const missed = this.#state.strategy.preferential
        ? missedTargets(
            routes,
            this.#candidates.states(now),
            this.#state.strategy,
            this.#candidates.context(now),
            run.index,
            [...given],
          )
        : NONE_MISSED;
      this.#core.stickiness.note(sessionKey, attempt.target.label, missed, now);
    }
    this.#end();
  }

  get #now(): number {
    return this.#core.time.clock.now();
  }

  get #maxAttempts(): number {
    const configured = this.#record.alias?.retry.maxAttempts ?? 4;
    return configured + this.#continued;
  }

  get #mayRepair(): boolean {
    return this.#record.alias?.continuation === true && this.#plan.stream && !this.#record.bodyDropped;
  }

  /** The next target in order that may be asked now; -1 = none. */
  #next(now: number): number {
    return this.#candidates.next(
      now,
      (index) =>
        index === this.#pending ||
        index === this.#fetching?.index ||
        this.#running.some((run) => run.index === index),
    );
  }

  #hasBudget(index: number, now: number): boolean {
    const { provider } = this.#candidates.target(index);
    return this.#core.retryBudget(provider.name).has(now, provider.retryBudget);
  }

  #takeBudget(index: number, now: number): boolean {
    const { provider } = this.#candidates.target(index);
    return this.#core.retryBudget(provider.name).take(now, provider.retryBudget);
  }

  #launch(index: number, as: "plain" | "probe", extra: boolean, anyway: boolean): void {
    if (this.#over || this.#winner !== null) return;
    this.#leaveLine();
    const target = this.#candidates.target(index);
    let prepared: PreparedSend | PendingSend;
    try {
      prepared = this.#plan.prepare(target, this.#reworkOf(index, target));
    } catch (thrown) {
      this.#refuseTarget(index, target, toFailure(thrown));
      return;
    }
    if ("fetch" in prepared) {
      // Of two targets that need it the second is asked when the first is through.
      this.#fetching ??= {
        index,
        stop: prepared.fetch(() => {
          this.#fetching = null;
          // While it was fetched the target may have gone, or another may have taken the probe.
          const state = this.#candidates.state(index, this.#now).state;
          if (state === "out" && !anyway) this.#proceed();
          else this.#launch(index, state === "probe" ? "probe" : "plain", extra, anyway);
        }),
      };
      return;
    }
    const { clock } = this.#core.time;
    const now = clock.now();
    // Budget that was taken before a long wait is stale: those that waited must not go out all together.
    const again = !extra && (this.#sendsTo[index] ?? 0) > 0;
    if (again && index !== this.#granted && !this.#takeBudget(index, now)) {
      this.#candidates.given.add(index);
      this.#proceed();
      return;
    }
    const ticket = this.#candidates
      .health(index)
      .start(
        now,
        clock.wall(),
        this.#plan.stream ? "stream" : "whole",
        this.#plan.endpoint,
        as,
        this.#candidates.quotaNeed,
      );
    if (ticket === null) {
      // Another request took the probe between the look and the send.
      this.#candidates.given.add(index);
      this.#proceed();
      return;
    }
    this.#sends++;
    this.#sendsTo[index] = (this.#sendsTo[index] ?? 0) + 1;
    if (!extra && !again) this.#core.retryBudget(target.provider.name).countSend(now);
    const note: AttemptNote = { target: target.label, cause: "", message: "", status: 0, ms: 0 };
    this.#record.attempts.push(note);
    const attempt = new Attempt(
      this,
      this.#core.time,
      this.#core.answers,
      target,
      prepared,
      this.#sends,
      as === "probe",
    );
    const hedged = this.#candidates.hedgeMs(index, this.#record.alias?.hedge ?? null);
    const soft = this.#candidates.softMs(index, as === "probe");
    const early = hedged > 0 && !anyway && (soft === 0 || hedged < soft);
    this.#running.push({ attempt, ticket, index, note, anyway, hedge: early });
    attempt.start(early ? hedged : soft);
  }

  #reworkOf(index: number, target: Target): Rework {
    const rework = this.#rework[index] ?? AS_IT_IS;
    if (this.#broken === null) return rework;
    const prefill = target.prefill && !this.#noPrefill.has(index);
    return { ...rework, continuation: { ...this.#broken, prefill } };
  }

  /** The request cannot be put to this target: not its fault, and nothing was sent. */
  #refuseTarget(index: number, target: Target, failure: Failure): void {
    if (failure.kind === "internal")
      this.#core.log.error({ err: failure.cause }, "a request could not be prepared");
    const why = trouble("cannot", failure.message);
    const note: AttemptNote = {
      target: target.label,
      cause: "cannot",
      message: failure.message,
      status: 0,
      ms: 0,
    };
    this.#candidates.given.add(index);
    this.#unput ??= failure;
    this.#failed.push({ note, why, verdict: this.#judgeFor(target, why), speaksCallers: false });
    this.#proceed();
  }

  #mayHedge(run: Running, next: number, now: number): boolean {
    const hedge = this.#record.alias?.hedge ?? null;
    if (hedge === null) return false;
    const from = this.#candidates.target(run.index).price;
    const to = this.#candidates.target(next).price;
    return (
      mayHedgeTo(from, to, this.#candidates.context(now), hedge.anyPrice) &&
      this.#state.hedges.take(now, hedge.maxExtra)
    );
  }

  #judgeFor(target: Target, why: Trouble): Verdict {
    return this.#judgeOf(target)(why);
  }

  /** Judges troubles of one target, holding nothing of the request but figures. */
  #judgeOf(target: Target): (why: Trouble) => Verdict {
    const { time, buildDate } = this.#core;
    const { stream, idInPath } = this.#plan;
    const retryAfterMax = this.#record.alias?.retry.retryAfterMax ?? 3000;
    const needTokens = this.#request.need.estimate() + this.#request.outputTokens;
    return (why) => {
      const wall = time.clock.wall();
      return judge(why, {
        target,
        stream,
        idInPath,
        retryAfterMax,
        needTokens,
        wall,
        clockUntrusted: wall < buildDate,
      });
    };
  }

  #noteFailure(run: Running, why: Trouble, verdict: Verdict): void {
    const failed = { note: run.note, why, verdict, speaksCallers: run.attempt.speaksCallers };
    run.note.cause = verdict.cause;
    run.note.message = describe(failed);
    run.note.status = why.status;
    run.note.ms = this.#now - run.attempt.startedAt;
    this.#failed.push(failed);
  }

  #moveOn(run: Running, verdict: Verdict, successBefore: number): void {
    const { index, attempt } = run;
    if (this.#broken !== null && isMalformed(verdict)) {
      // It was we who wrote that request: first without the prefill, then somebody else is asked.
      const prefilled = attempt.target.prefill && !this.#noPrefill.has(index);
      this.#noPrefill.add(index);
      if (prefilled && this.#sends < this.#maxAttempts) this.#launch(index, "plain", true, false);
      else {
        this.#candidates.given.add(index);
        this.#proceed();
      }
      return;
    }
    if (verdict.next === "no") {
      this.#finishComposed();
      return;
    }
    const { given, order } = this.#candidates;
    const unasked = order.filter(
      (other) => !given.has(other) && other !== index && (this.#sendsTo[other] ?? 0) === 0,
    ).length;
    const decision = secondSend({
      sameTarget: verdict.sameTarget,
      counts: verdict.counts,
      successBefore,
      sendsToTarget: this.#sendsTo[index] ?? 0,
      perTarget: this.#record.alias?.retry.perTarget ?? 2,
      corrected: this.#corrected.has(index),
      attempts: this.#sends,
      maxAttempts: this.#maxAttempts,
      unasked,
      anyway: run.anyway,
    });
    if (decision === "free" && verdict.correction !== null) {
      this.#correct(index, attempt.target, verdict.correction.kind, verdict.correction.member);
      this.#launch(index, "plain", true, false);
      return;
    }
    // One wait at a time: of two racers that fail, one is asked again.
    if (decision === "budget" && this.#pending < 0 && this.#startAgain(index, verdict)) return;
    given.add(index);
    if (verdict.next === "larger_context") this.#candidates.giveUpSmaller(index);
    this.#proceed();
  }

  /** Waits for the second send to a target; false: there is no budget, or it may not be asked when the wait is over. */
  #startAgain(index: number, { waitMs }: Verdict): boolean {
    const { random } = this.#core.time;
    const now = this.#now;
    const state = this.#candidates.state(index, now);
    const coolUntil = state.state === "out" && state.reason === "cooling" ? state.until : 0;
    if (waitMs !== null && coolUntil > now + waitMs) return false;
    if (!this.#takeBudget(index, now)) return false;
    this.#repetitions++;
    const retry = this.#record.alias?.retry ?? DEFAULT_BACKOFF;
    this.#pending = index;
    // A rate limit that names no time cools the target for longer than is waited here.
    const ownUntil = waitMs === null ? coolUntil : 0;
    this.#startWait(
      waitMs === null ? backoff(this.#repetitions, retry, random) : askedWait(waitMs, random),
      () => this.#askAgain(index, ownUntil),
    );
    return true;
  }

  /** Others may have found it dead meanwhile, or were told to wait longer than `coolUntil`. */
  #askAgain(index: number, coolUntil: number): void {
    this.#pending = -1;
    const now = this.#now;
    const state = this.#candidates.state(index, now);
    const own = state.state === "out" && state.reason === "cooling" && state.until <= coolUntil;
    if (state.state === "out" && !own && state.reason !== "quota") {
      this.#granted = index;
      this.#proceed();
      this.#granted = -1;
      return;
    }
    if (this.#running.length >= 2) this.#leave(this.#running[0] as Running);
    this.#launch(index, this.#candidates.asOf(index, now), true, false);
  }

  #correct(index: number, target: Target, kind: string, member: string): void {
    const before = this.#rework[index] ?? AS_IT_IS;
    // It is outside `per_target`.
    this.#sendsTo[index] = (this.#sendsTo[index] ?? 1) - 1;
    this.#corrected.add(index);
    if (kind === "member") {
      this.#core.noteRefused(target, member);
      this.#rework[index] = { ...before, refused: [...before.refused, member] };
    } else {
      this.#rework[index] = { ...before, dropThinking: true };
    }
  }

  /** On to the next target. */
  #proceed(): void {
    if (this.#over || this.#winner !== null) return;
    const now = this.#now;
    // One that runs and is not late yet may still answer; it will be joined when it is late.
    if (this.#running.some((run) => !run.attempt.late)) return;
    if (this.#pending >= 0 || this.#fetching !== null) return;
    const next = this.#next(now);
    if (next >= 0 && this.#sends < this.#maxAttempts) {
      if (this.#running.length >= 2) this.#leave(this.#running[0] as Running);
      this.#launch(next, this.#candidates.asOf(next, now), false, false);
      return;
    }
    if (this.#running.length > 0) return;
    if (this.#sends >= this.#maxAttempts) this.#giveUp();
    else this.#lastResort();
  }

  /** Nothing is usable: decide whom to ask all the same, whom to wait for, or what to answer. */
  #lastResort(): void {
    if (this.#over) return;
    const now = this.#now;
    const { targets } = this.#request;
    const { uplink } = this.#core;
    const allPublic = !targets.some((target) => target.provider.private);
    // Failures that may be the uplink's are not this caller's answer before that is known.
    if (uplink.wan.state === "checking" && allPublic && this.#failed.some(({ verdict }) => verdict.wanSign)) {
      uplink.whenKnown(() => this.#lastResort());
      return;
    }
    if (uplink.wan.isDown && allPublic) {
      uplink.await((reachable) => {
        if (this.#over) return;
        if (reachable) this.#lastResort();
        else this.#finish(WAN_DOWN);
      });
      return;
    }
    const candidates = this.#candidates;
    const all = targets
      .map((_, index) => index)
      .filter((index) => this.#request.issuer < 0 || index === this.#request.issuer);
    const order = this.#state.strategy.order(candidates.routes, all, candidates.context(now), false);
    const patience = Math.max(0, (this.#record.alias?.retry.retryAfterMax ?? 3000) - this.#waitedMs);
    const resort = nothingUsable(
      candidates.states(now),
      order,
      candidates.given,
      candidates.limited,
      now,
      patience,
    );
    switch (resort.action) {
      case "ask":
        if (!candidates.order.includes(resort.index)) candidates.order.push(resort.index);
        this.#launch(resort.index, resort.as === "probe" ? "probe" : "plain", false, resort.as === "anyway");
        return;
      case "wait":
        if (resort.for === "probe" && this.#mayAskBeside(resort.index, now)) {
          this.#launch(resort.index, "plain", true, true);
          return;
        }
        this.#waitFor(resort.index, resort.for, resort.until, now);
        return;
      case "refuse":
        if (this.#failed.length > 0) this.#giveUp();
        else this.#finish(noTarget(resort.rateLimited, resort.until - now));
    }
  }

  /**
   * A probe that was sent before its target came back may hang to its own deadline: who has waited `first_token` for it
   * asks beside it, once, and inside the retry budget, so that those who wait do not come all together.
   */
  #mayAskBeside(index: number, now: number): boolean {
    if (this.#probeSince < 0) this.#probeSince = now;
    const { firstToken } = this.#candidates.target(index).timeouts;
    return now - this.#probeSince >= firstToken && this.#takeBudget(index, now);
  }

  #waitFor(index: number, what: "probe" | "cooldown", until: number, now: number): void {
    const { identity } = this.#candidates.target(index);
    if (this.#line !== identity) {
      this.#leaveLine();
      if (!this.#core.joinLine(identity, MAX_WAITERS)) {
        if (this.#failed.length > 0) this.#giveUp();
        else this.#finish(noTarget(what === "cooldown", until - now));
        return;
      }
      this.#line = identity;
    }
    const ms = what === "probe" ? PROBE_POLL_MS : Math.max(1, until - now);
    if (what === "cooldown") this.#waitedMs += ms;
    this.#startWait(ms, () => this.#lastResort());
  }

  #startWait(ms: number, then: () => void): void {
    this.#wait?.cancel();
    this.#wait = this.#core.time.timers.start(ms, then);
  }

  #stopWaiting(): void {
    this.#wait?.cancel();
    this.#wait = null;
    this.#pending = -1;
    this.#fetching?.stop();
    this.#fetching = null;
    this.#leaveLine();
  }

  #leaveLine(): void {
    if (this.#line !== null) this.#core.leaveLine(this.#line);
    this.#line = null;
  }

  #giveUp(): void {
    // Nothing was ever sent: the conversion's own words say more than a list of attempts.
    if (this.#sends === 0 && this.#unput !== null) this.#finish(this.#unput);
    else this.#finishComposed();
  }

  /** Loses a race, or is left for the next target: it becomes its target's observer where that place is free. */
  #leave(run: Running): void {
    this.#running = this.#running.filter((other) => other !== run);
    this.#candidates.given.add(run.index);
    run.note.cause ||= "late";
    run.note.message ||= "no content in time, another target was asked";
    run.note.ms = this.#now - run.attempt.startedAt;
    const core = this.#core;
    const health = this.#candidates.health(run.index);
    // An observer holds no body: the estimate is made now.
    const promptTokens = this.#request.need.estimate();
    observe({
      core,
      attempt: run.attempt,
      ticket: run.ticket,
      judge: this.#judgeOf(run.attempt.target),
      book: (attempt) => {
        bookAttempt(core, health, attempt, { estimate: () => promptTokens });
      },
    });
  }

  #tryContinue(run: Running): boolean {
    const { alias } = this.#record;
    if (alias?.continuation !== true || !this.#plan.stream) return false;
    if (this.#record.bodyDropped) {
      this.#core.totals.bodiesMissed++;
      return false;
    }
    if (this.#continued >= this.#request.targets.length) return false;
    const broken = this.#plan.broken();
    if (broken === null) return false;
    this.#continued++;
    this.#record.continued = true;
    this.#delivery.unfollow();
    this.#broken = {
      ...broken,
      promptTokens: this.#broken?.promptTokens ?? run.attempt.usage?.input ?? null,
    };
    this.#core.log.info(
      {
        request_id: this.#record.from.requestId,
        target: run.attempt.target.label,
        delivered: broken.text.length,
      },
      "a stream broke after content; another target is asked to finish it",
    );
    this.#proceed();
    return true;
  }

  #book(attempt: Attempt, whole: boolean): void {
    const health = this.#candidates.health(this.#indexOf(attempt));
    const usage = bookAttempt(this.#core, health, attempt, this.#request.need);
    if (usage !== null) this.#record.usage = usage;
    if (whole && usage?.output != null) this.#state.output.add(usage.output);
  }

  #indexOf(attempt: Attempt): number {
    return this.#request.targets.indexOf(attempt.target);
  }

  #onTotal(total: number): void {
    const why = `no whole answer within ${Math.round(total / 1000)} s (timeouts.total)`;
    this.#finish(new Failure("timeout", why, { code: "upstream_timeout", noRetry: true }));
  }

  /** Above 75 % of the memory budget: this stream is not repaired any more. */
  #dropBody(): void {
    this.#record.bodyDropped = true;
    this.#request.need.estimate();
    this.#letGo();
  }

  #letGo(): void {
    this.#plan.release();
    this.#request.need.letGo();
    for (const run of this.#running) run.attempt.releaseBody();
    this.#record.releaseBody();
  }

  #cancelRunning(): void {
    for (const run of this.#running) {
      run.attempt.cancel();
      run.ticket.settle(this.#now, "cancelled");
      run.note.cause ||= "cancelled";
      run.note.ms = this.#now - run.attempt.startedAt;
      this.#book(run.attempt, false);
    }
    this.#running = [];
  }

  #finishComposed(): void {
    const { failure, body } = composeFailure(this.#failed);
    this.#finish(failure, body);
  }

  /** The request ends with an error; `body`: the upstream's own, which the caller gets as it is. */
  #finish(failure: Failure, body: Buffer | null = null): void {
    if (this.#over) return;
    this.#cancelRunning();
    this.#record.failure = failure;
    const delivery = this.#delivery;
    if (!delivery.started) {
      const answer = this.#plan.refuse(failure);
      delivery.respond(body === null ? answer.status : failure.status, answer.headers, body ?? answer.body);
    } else {
      const text = this.#plan.stream ? this.#plan.failInBand(failure) : null;
      if (text === null) delivery.cut();
      else {
        delivery.writeText(text);
        delivery.end();
      }
    }
    this.#end();
  }

  #find(attempt: Attempt): Running | undefined {
    return this.#running.find((run) => run.attempt === attempt);
  }

  #take(attempt: Attempt): Running | null {
    const run = this.#find(attempt);
    if (run === undefined) return null;
    this.#running = this.#running.filter((other) => other !== run);
    return run;
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopWaiting();
    this.#total?.cancel();
    this.#uninsure?.();
    this.#uninsure = null;
    this.#running = [];
    this.#winner = null;
    this.#plan.release();
    this.#request.need.letGo();
    this.#onEnd();
  }
}

const WAN_DOWN = new Failure(
  "overloaded",
  "the internet connection of this gateway is down, and the alias has no target on the own network",
  { code: "wan_down", retryAfterMs: 5000 },
);

const DEFAULT_BACKOFF = { backoffBase: 250, backoffMax: 5000 };

/** A 400 or 422 that is neither about the context nor a refusal of the content. */
function isMalformed({ cause }: Verdict): boolean {
  return cause === "caller_error" || cause === "correctable";
}

function noTarget(rateLimited: boolean, waitMs: number): Failure {
  const retryAfterMs = Number.isFinite(waitMs) ? Math.max(1000, waitMs) : 30_000;
  const when = Number.isFinite(waitMs)
    ? `; the first is back in about ${Math.ceil(retryAfterMs / 1000)} s`
    : "";
  return rateLimited
    ? new Failure("rate_limit", `all targets are rate limited${when}`, {
        code: "rate_limit_exceeded",
        retryAfterMs,
      })
    : new Failure("overloaded", `no target can be asked now${when}`, { code: "no_target", retryAfterMs });
}
