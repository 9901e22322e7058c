/** The attempt loop of one request: walks its targets, repeats, races and leaves them, until one answer is delivered or none can be. */
import type { Timer } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { addUsage } from "../protocols/usage.ts";
import { orderTargets } from "../routing/order.ts";
import type { Verdict } from "../upstream/classify.ts";
import type { ResponseHead } from "../upstream/client.ts";
import { quotaReadings } from "../upstream/quota-lines.ts";
import type { Attempt, AttemptOwner } from "./attempt.ts";
import { Candidates, type LoopRequest } from "./candidates.ts";
import type { AliasState, Core } from "./core.ts";
import { bookAttempt } from "./cost.ts";
import type { Delivery } from "./delivery.ts";
import { FailedAttempts } from "./failed-attempts.ts";
import { deliverFailure } from "./failure-delivery.ts";
import { LastResort } from "./last-resort.ts";
import { AS_IT_IS, type Plan, type Rework } from "./plan.ts";
import { answerLate, observeLoser, startAttempt } from "./race.ts";
import type { RequestRecord } from "./record.ts";
import { isMalformed, Repair } from "./repair.ts";
import type { BodyHolder } from "./repair-bodies.ts";
import { SecondSends } from "./second-sends.ts";
import { Sends } from "./sends.ts";
import type { Target } from "./target.ts";
import type { Trouble } from "./trouble.ts";
import { Waits } from "./waits.ts";
import type { Run, SendReason, Walk } from "./walk.ts";

export type { LoopRequest } from "./candidates.ts";

export interface LoopOwner {
  /** The request is over. Called once. */
  onEnd(): void;
}

/** What most requests never need (failures, waits, second sends, a last resort, a repair) is made when it is needed. */
export class RequestLoop implements AttemptOwner, BodyHolder, Walk {
  readonly core: Core;
  readonly record: RequestRecord;
  readonly plan: Plan;
  readonly delivery: Delivery;
  readonly request: LoopRequest;
  readonly state: AliasState;
  readonly candidates: Candidates;
  readonly sends: Sends;
  running: readonly Run[] = NONE;
  over = false;
  /** The request's body is kept for a repair, as long as there is memory. */
  #insured = false;
  readonly #owner: LoopOwner;
  /** The attempt whose answer the caller gets. */
  #winner: Run | null = null;
  #total: Timer | null = null;
  #failed: FailedAttempts | null = null;
  #waits: Waits | null = null;
  #seconds: SecondSends | null = null;
  #resort: LastResort | null = null;
  #repair: Repair | null = null;

  constructor(
    core: Core,
    record: RequestRecord,
    plan: Plan,
    delivery: Delivery,
    request: LoopRequest,
    state: AliasState,
    owner: LoopOwner,
  ) {
    this.core = core;
    this.record = record;
    this.plan = plan;
    this.delivery = delivery;
    this.request = request;
    this.state = state;
    this.#owner = owner;
    this.candidates = new Candidates(core, request, plan.stream, plan.endpoint);
    this.sends = new Sends(this, this);
  }

  get failed(): FailedAttempts {
    this.#failed ??= new FailedAttempts(this);
    return this.#failed;
  }

  get waits(): Waits {
    this.#waits ??= new Waits(this.core.time.timers);
    return this.#waits;
  }

  start(): void {
    const { core, record, request, candidates, state } = this;
    const now = this.#now();
    const total = request.targets[0]?.timeouts.total ?? 0;
    if (total > 0) this.#total = core.time.timers.start(total, () => this.#onTotal(total), now);
    state.hedges.countRequest(now);
    record.wanDown = core.uplink.wan.isDown;
    const route = orderTargets(
      candidates.routes,
      candidates.states(now),
      candidates.abilities,
      state.strategy,
      core.stickiness,
      candidates.context(now, record.snapshot.config.routing.errorThreshold),
    );
    candidates.order = route.order;
    record.route = route.reason;
    record.routedAt = now;
    const first = route.order[0];
    if (first === undefined) this.#seekLastResort();
    else this.launch(first, route.probe ? "probe" : "plain", "turn");
  }

  /** The caller is gone, or everything ends: nothing more is sent, nobody is blamed. */
  cancel(): void {
    if (this.over) return;
    this.#cancelRunning();
    this.#end();
  }

  onHead(attempt: Attempt, head: ResponseHead): void {
    const run = this.#find(attempt);
    if (run === undefined) return;
    const readings = quotaReadings(head.headers, this.core.time.clock, head.names);
    if (readings.length > 0) this.candidates.health(run.index).learn(readings, attempt.headAt);
    if (!attempt.target.provider.private) this.core.uplink.answered();
  }

  onContent(attempt: Attempt): void {
    const run = this.#find(attempt);
    if (run === undefined || this.over) return;
    if (this.#winner !== null) {
      this.leave(run);
      return;
    }
    this.#winner = run;
    const { record, request } = this;
    const now = attempt.contentAt;
    if (attempt.stream) run.ticket.content(now);
    this.#stopWaiting();
    if (this.running.length > 1) for (const other of this.running) if (other !== run) this.leave(other);
    if (record.firstContentAt === 0) record.firstContentAt = now;
    record.answeredBy = attempt.target.label;
    record.provider = attempt.target.provider.name;
    attempt.deliver(this.delivery);
    // The head of the answer may have needed the request; what follows does not, unless it must be repaired.
    if (this.#winner !== run) return;
    if (record.alias?.continuation === true && this.plan.stream && !record.bodyDropped) {
      this.#insured = true;
      this.core.repairBodies.insure(this);
      return;
    }
    // The estimate, where the answer brings no figures, needs the body.
    if (attempt.stream || attempt.usage?.input == null) request.need.estimate();
    this.letGoOfBody();
  }

  onLate(attempt: Attempt, unconnected: boolean): void {
    const run = this.#find(attempt);
    if (run !== undefined && !this.over && this.#winner === null) answerLate(this, run, unconnected);
  }

  onFault(_attempt: Attempt, thrown: unknown): void {
    this.core.log.error({ err: thrown }, "an answer could not be handled");
  }

  onFailed(attempt: Attempt, why: Trouble): void {
    const run = this.#take(attempt);
    if (run === null || this.over) return;
    const { index, ticket } = run;
    const successBefore = this.candidates.health(index).successRate;
    const verdict = this.failed.take(run, why);
    this.#book(run, false);
    if (verdict.limited) this.candidates.noteLimited(index);
    const { provider } = attempt.target;
    if (verdict.wanSign && !provider.private)
      this.core.uplink.settleFailure(provider.origin, ticket, verdict);
    else ticket.settle(this.#now(), verdict);
    this.#moveOn(run, verdict, successBefore);
  }

  onBroken(attempt: Attempt, why: Trouble): void {
    const run = this.#take(attempt);
    if (run === null || this.over) return;
    this.#winner = null;
    this.#uninsure();
    const verdict = this.failed.take(run, why);
    const departed = why.kind === "departed";
    // A repair that began another answer, and a refusal, are no faults of the target.
    run.ticket.settle(this.#now(), departed ? "cancelled" : verdict);
    this.candidates.giveUp(run.index);
    this.#book(run, false);
    this.#repair ??= new Repair(this);
    if (!departed && verdict.next !== "no" && this.#repair.start(run)) return;
    this.core.totals.unrepaired++;
    this.finish(this.failed.compose().failure);
  }

  onComplete(attempt: Attempt): void {
    const run = this.#take(attempt);
    if (run === null || this.over) return;
    const now = attempt.endedAt;
    run.ticket.settle(now, "success");
    run.note.ms = now - attempt.startedAt;
    this.record.endedAt = now;
    this.#book(run, true);
    if (this.#repair?.running === true) this.core.totals.continuations++;
    // A converted answer may quote the request; a relayed one cannot.
    this.record.bodyDone = this.sends.count === 1 && attempt.speaksCallers && attempt.sent;
    const { session } = this.request;
    if (session !== null) {
      const missed = this.candidates.missed(this.state.strategy, run.index, now);
      this.core.stickiness.note(session, attempt.target.label, missed, now);
    }
    this.#end();
  }

  next(now: number): number {
    return this.candidates.next(
      now,
      (index) => this.#waits?.holds(index) === true || this.running.some((run) => run.index === index),
    );
  }

  launch(index: number, as: "plain" | "probe", reason: SendReason): void {
    if (this.over || this.#winner !== null) return;
    this.#resort?.leaveLine();
    this.sends.launch(index, as, reason);
  }

  takeRun(run: Run): void {
    this.running = this.running.length === 0 ? [run] : [...this.running, run];
    startAttempt(this, run);
  }

  reworkOf(index: number, target: Target): Rework {
    const rework = this.#seconds?.rework(index) ?? AS_IT_IS;
    return this.#repair?.rework(index, target, rework) ?? rework;
  }

  proceed(): void {
    if (this.over || this.#winner !== null) return;
    // One that runs and is not late yet may still answer; it will be joined when it is late.
    if (this.running.some((run) => !run.attempt.late)) return;
    if (this.#waits?.holdsTarget === true) return;
    const now = this.#now();
    const next = this.next(now);
    if (next >= 0 && this.sends.left) {
      this.makeRoom();
      this.launch(next, this.candidates.asOf(next, now), "turn");
      return;
    }
    if (this.running.length > 0) return;
    if (this.sends.left) this.#seekLastResort();
    else this.giveUp();
  }

  leave(run: Run): void {
    this.running = this.running.filter((other) => other !== run);
    observeLoser(this, run);
  }

  makeRoom(): void {
    const oldest = this.running[0];
    if (oldest !== undefined && this.running.length >= 2) this.leave(oldest);
  }

  giveUp(): void {
    const { unput } = this.failed;
    // Nothing was ever sent: the conversion's own words say more than a list of attempts.
    if (this.sends.count === 0 && unput !== null) {
      this.finish(unput);
      return;
    }
    const { failure, body } = this.failed.compose();
    this.finish(failure, body);
  }

  /** The request ends with an error; `body`: the upstream's own, which the caller gets as it is. */
  finish(failure: Failure, body: Buffer | null = null): void {
    if (this.over) return;
    this.#cancelRunning();
    this.record.failure = failure;
    deliverFailure(this.delivery, this.plan, failure, body);
    this.#end();
  }

  /** The body that was kept for a repair gives way to a new request. */
  dropBody(): void {
    this.#insured = false;
    this.record.bodyDropped = true;
    this.request.need.estimate();
    this.letGoOfBody();
  }

  letGoOfBody(): void {
    this.plan.release();
    this.request.need.letGo();
    for (let i = 0; i < this.running.length; i++) this.running[i]?.attempt.releaseBody();
    this.record.releaseBody();
  }

  #now(): number {
    return this.core.time.clock.now();
  }

  #moveOn(run: Run, verdict: Verdict, successBefore: number): void {
    if (this.#repair?.running === true && isMalformed(verdict)) {
      this.#repair.askOtherwise(run);
      return;
    }
    if (verdict.next === "no") {
      this.giveUp();
      return;
    }
    this.#seconds ??= new SecondSends(this);
    if (this.#seconds.start(run, verdict, successBefore)) return;
    this.candidates.giveUp(run.index);
    if (verdict.next === "larger_context") this.candidates.giveUpSmaller(run.index);
    this.proceed();
  }

  #seekLastResort(): void {
    this.#resort ??= new LastResort(this);
    this.#resort.seek();
  }

  #uninsure(): void {
    if (this.#insured) this.core.repairBodies.uninsure(this);
    this.#insured = false;
  }

  #stopWaiting(): void {
    this.#waits?.stop();
    this.#resort?.leaveLine();
  }

  #book({ attempt, index }: Run, whole: boolean): void {
    const usage = bookAttempt(this.core, this.candidates.health(index), attempt, this.request.need);
    if (usage !== null) this.record.usage = addUsage(this.record.usage, usage);
    if (whole && usage?.output != null) this.state.output.add(usage.output);
  }

  #onTotal(total: number): void {
    const why = `no whole answer within ${Math.round(total / 1000)} s (timeouts.total)`;
    this.finish(new Failure("timeout", why, { code: "upstream_timeout", noRetry: true }));
  }

  #cancelRunning(): void {
    for (const run of this.running) {
      run.attempt.cancel();
      run.ticket.settle(this.#now(), "cancelled");
      run.note.cause ||= "cancelled";
      run.note.ms = this.#now() - run.attempt.startedAt;
      this.#book(run, false);
    }
    this.running = NONE;
  }

  #find(attempt: Attempt): Run | undefined {
    const { running } = this;
    for (let i = 0; i < running.length; i++) if (running[i]?.attempt === attempt) return running[i];
    return undefined;
  }

  #take(attempt: Attempt): Run | null {
    const run = this.#find(attempt);
    if (run === undefined) return null;
    this.running = this.running.length === 1 ? NONE : this.running.filter((other) => other !== run);
    return run;
  }

  #end(): void {
    if (this.over) return;
    this.over = true;
    this.#stopWaiting();
    this.#total?.cancel();
    this.#uninsure();
    this.running = NONE;
    this.#winner = null;
    this.plan.release();
    this.request.need.letGo();
    this.#owner.onEnd();
  }
}

const NONE: readonly Run[] = [];
