/** The attempt loop of one request: walks its targets, repeats, races and leaves them, until one answer is delivered or none can be. */
import type { Timer } from "../base/clock.ts";
import { Failure, toFailure } from "../base/failure.ts";
import type { Attempt as Ticket } from "../health/attempt.ts";
import type { TargetHealth } from "../health/target-health.ts";
import { askedWait, backoff } from "../routing/backoff.ts";
import { hasLargerContext, type RequestNeed, type TargetAbility } from "../routing/capability.ts";
import { hedgeDelay, mayHedgeTo } from "../routing/hedge.ts";
import { decideLate, probeDeadline, softDeadline } from "../routing/late.ts";
import { nothingUsable } from "../routing/nothing-usable.ts";
import { missedTargets, orderTargets } from "../routing/order.ts";
import { secondSend } from "../routing/second-send.ts";
import type { RouteTarget, StrategyContext } from "../routing/strategy.ts";
import type { TargetState } from "../routing/target-state.ts";
import type { Verdict } from "../upstream/classify.ts";
import type { ResponseHead } from "../upstream/client.ts";
import { quotaReadings } from "../upstream/rate-limit-headers.ts";
import { Attempt, type AttemptOwner, type PreparedSend } from "./attempt.ts";
import type { AliasState, Core } from "./core.ts";
import type { Delivery } from "./delivery.ts";
import { observe } from "./observer.ts";
import { composeFailure, type FailedAttempt } from "./outcome.ts";
import { AS_IT_IS, type Plan, type Rework } from "./plan.ts";
import type { AttemptNote, RequestRecord } from "./record.ts";
import type { Target } from "./target.ts";
import { type Trouble, trouble } from "./trouble.ts";
import { judge } from "./verdict.ts";

export interface LoopRequest {
  readonly targets: readonly Target[];
  readonly need: RequestNeed;
  /** Tokens the answer may take, for quotas and prices. */
  readonly outputTokens: number;
  /** Index of the target an id in the request belongs to; -1 = none. */
  readonly issuer: number;
  readonly affinity: string;
  readonly sessionKey: string;
  readonly continues: boolean;
}

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

/** Callers that may wait for one cooling target; the next ones are refused at once. */
const MAX_COOLING_WAITERS = 64;
/** How often a caller that waits for somebody else's probe looks again. */
const PROBE_POLL_MS = 50;

export class RequestLoop implements AttemptOwner {
  readonly #core: Core;
  readonly #record: RequestRecord;
  readonly #plan: Plan;
  readonly #delivery: Delivery;
  readonly #request: LoopRequest;
  readonly #state: AliasState;
  readonly #onEnd: () => void;
  readonly #health: TargetHealth[];
  readonly #routes: RouteTarget[];
  readonly #abilities: TargetAbility[];
  readonly #given = new Set<number>();
  readonly #limited = new Set<number>();
  readonly #failed: FailedAttempt[] = [];
  readonly #sendsTo: number[];
  readonly #rework: Rework[];
  readonly #corrected = new Set<number>();
  #order: number[] = [];
  #running: Running[] = [];
  #winner: Running | null = null;
  #sends = 0;
  #repetitions = 0;
  #wait: Timer | null = null;
  #total: Timer | null = null;
  #cooling: string | null = null;
  #over = false;
  #continued = 0;
  /** Text delivered before a stream broke; set while it is being finished. */
  #broken: { readonly text: string } | null = null;

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
    const now = core.time.clock.now();
    this.#health = request.targets.map((target) => core.health.of(target.identity, now));
    this.#routes = request.targets.map((target, index) => ({
      id: target.label,
      view: this.#health[index] as TargetHealth,
      price: target.price,
      weight: target.weight,
    }));
    this.#abilities = request.targets.map(abilityOf);
    this.#sendsTo = request.targets.map(() => 0);
    this.#rework = request.targets.map(() => AS_IT_IS);
  }

  start(): void {
    const { targets } = this.#request;
    const now = this.#now;
    const total = targets[0]?.timeouts.total ?? 0;
    if (total > 0) this.#total = this.#core.time.timers.start(total, () => this.#onTotal(total));
    this.#state.hedges.countRequest(now);
    const route = orderTargets(
      this.#routes,
      this.#states(now),
      this.#abilities,
      this.#state.strategy,
      this.#core.stickiness,
      {
        ...this.#context(now),
        need: this.#request.need,
        issuer: this.#request.issuer,
        affinity: this.#request.affinity,
        errorThreshold: this.#record.snapshot.config.routing.errorThreshold,
        sessionKey: this.#request.sessionKey,
        continues: this.#request.continues,
      },
    );
    this.#order = [...route.order];
    this.#record.route = route.reason;
    this.#record.routedAt = now;
    const first = this.#order[0];
    if (first === undefined) this.#lastResort();
    else this.#launch(first, route.probe ? "probe" : "plain", false, false);
  }

  /** The caller is gone, or everything ends: nothing more is sent, nobody is blamed. */
  cancel(): void {
    if (this.#over) return;
    const now = this.#now;
    for (const run of this.#running) {
      run.attempt.cancel();
      run.ticket.settle(now, "cancelled");
      run.note.cause ||= "cancelled";
    }
    this.#end();
  }

  onHead(attempt: Attempt, head: ResponseHead): void {
    const run = this.#find(attempt);
    const health = run === undefined ? undefined : this.#health[run.index];
    const readings = quotaReadings(head.headers, this.#core.time.clock.wall());
    if (readings.length > 0) health?.learn(readings, this.#now);
    if (!attempt.target.provider.private) this.#core.uplink.wan.answered(this.#now);
  }

  onContent(attempt: Attempt): void {
    const run = this.#find(attempt);
    if (run === undefined || this.#over) return;
    if (this.#winner !== null) {
      this.#drop(run);
      return;
    }
    this.#winner = run;
    const now = this.#now;
    if (attempt.stream) run.ticket.content(now);
    this.#wait?.cancel();
    for (const other of [...this.#running]) if (other !== run) this.#leave(other);
    if (this.#record.firstContentAt === 0) this.#record.firstContentAt = now;
    this.#record.answeredBy = attempt.target.label;
    this.#record.provider = attempt.target.provider.name;
    if (this.#record.alias?.continuation !== true || !this.#plan.stream) this.#record.releaseBody();
    attempt.deliver(this.#delivery);
  }

  onLate(attempt: Attempt): void {
    const run = this.#find(attempt);
    if (run === undefined || this.#over || this.#winner !== null) return;
    const now = this.#now;
    if (run.hedge && !this.#mayHedge(run, now)) {
      run.hedge = false;
      const left = this.#softMs(run.index, attempt.probe, false) - (now - attempt.startedAt);
      attempt.late = false;
      attempt.rearmSoft(Math.max(1, left));
      return;
    }
    run.ticket.markLate();
    const next = this.#nextUsable(now);
    const provider = attempt.target.provider;
    const decision = decideLate({
      hasNext: next >= 0 && this.#sends < this.#maxAttempts,
      probe: attempt.probe,
      hasBudget: this.#core.retryBudget(provider.name).has(now, provider.retryBudget),
      running: this.#running.length,
    });
    if (decision === "wait") return;
    if (decision === "race") {
      if (!attempt.probe) this.#core.retryBudget(provider.name).take(now, provider.retryBudget);
      this.#launch(next, this.#asOf(next, now), true, false);
      return;
    }
    this.#leave(decision === "leave" ? run : (this.#running[0] ?? run));
    this.#launch(next, this.#asOf(next, now), false, false);
  }

  onFailed(attempt: Attempt, why: Trouble): void {
    const run = this.#take(attempt);
    if (run === null || this.#over) return;
    const verdict = this.#judge(run, why);
    this.#settleFailure(run, verdict);
    this.#failed.push({ note: run.note, why, verdict });
    this.#moveOn(run, verdict);
  }

  onBroken(attempt: Attempt, why: Trouble): void {
    const run = this.#take(attempt);
    if (run === null || this.#over) return;
    this.#winner = null;
    const verdict = { ...this.#judge(run, why), counts: true, answered: true };
    this.#note(run, why, verdict);
    run.ticket.settle(this.#now, verdict);
    this.#failed.push({ note: run.note, why, verdict });
    this.#given.add(run.index);
    this.#settleTokens(run, false);
    if (this.#tryContinue(run)) return;
    const failure = composeFailure(this.#failed, this.#core.time.clock.wall());
    this.#failInBand(failure);
  }

  onComplete(attempt: Attempt): void {
    const run = this.#take(attempt);
    if (run === null || this.#over) return;
    const now = this.#now;
    run.ticket.settle(now, "success");
    run.note.ms = now - attempt.startedAt;
    this.#settleTokens(run, true);
    if (this.#continued > 0) this.#core.totals.continuations++;
    const { sessionKey } = this.#request;
    if (sessionKey !== "") {
      const missed = missedTargets(
        this.#routes,
        this.#states(now),
        this.#state.strategy,
        this.#context(now),
        run.index,
        [...this.#given],
      );
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

  #context(now: number): StrategyContext {
    return {
      now,
      mode: this.#plan.stream ? "stream" : "whole",
      promptTokens: this.#request.need.promptTokens,
      outputTokens: this.#request.outputTokens,
    };
  }

  get #quotaNeed() {
    return { inputTokens: this.#request.need.promptTokens, outputTokens: this.#request.outputTokens };
  }

  #states(now: number): TargetState[] {
    const { wan } = this.#core.uplink;
    return this.#request.targets.map((target, index) => {
      if (wan.isDown && !target.provider.private) return WAN_OUT;
      return this.#health[index]?.admission(now, this.#plan.endpoint, this.#quotaNeed) ?? WAN_OUT;
    });
  }

  /** The next target in order that may be asked now; -1 = none. */
  #nextUsable(now: number): number {
    const states = this.#states(now);
    for (const index of this.#order) {
      if (this.#given.has(index) || this.#running.some((run) => run.index === index)) continue;
      if (states[index]?.state !== "out") return index;
    }
    return -1;
  }

  #asOf(index: number, now: number): "plain" | "probe" {
    return this.#states(now)[index]?.state === "probe" ? "probe" : "plain";
  }

  #launch(index: number, as: "plain" | "probe", extra: boolean, anyway: boolean): void {
    const target = this.#request.targets[index];
    const health = this.#health[index];
    if (target === undefined || health === undefined || this.#over) return;
    let prepared: PreparedSend;
    try {
      prepared = this.#plan.prepare(target, this.#reworkOf(index, target));
    } catch (thrown) {
      this.#refuseTarget(index, target, toFailure(thrown));
      return;
    }
    const { clock } = this.#core.time;
    const now = clock.now();
    const ticket = health.start(
      now,
      clock.wall(),
      this.#plan.stream ? "stream" : "whole",
      this.#plan.endpoint,
      as,
      this.#quotaNeed,
    );
    if (ticket === null) {
      // Another request took the probe between the look and the send.
      this.#given.add(index);
      this.#proceed(null);
      return;
    }
    this.#sends++;
    this.#sendsTo[index] = (this.#sendsTo[index] ?? 0) + 1;
    if (!extra) this.#core.retryBudget(target.provider.name).countSend(now);
    const note: AttemptNote = { target: target.label, cause: "", message: "", status: 0, ms: 0 };
    this.#record.attempts.push(note);
    const attempt = new Attempt(this, this.#core.time, target, prepared, this.#sends, as === "probe");
    const hedged = this.#hedgeMs(index);
    const soft = this.#softMs(index, as === "probe", anyway);
    const early = hedged > 0 && (soft === 0 || hedged < soft);
    this.#running.push({ attempt, ticket, index, note, anyway, hedge: early });
    attempt.start(early ? hedged : soft);
  }

  #reworkOf(index: number, target: Target): Rework {
    const rework = this.#rework[index] ?? AS_IT_IS;
    if (this.#broken === null) return rework;
    return {
      ...rework,
      continuation: { text: this.#broken.text, prefill: target.prefill && !this.#corrected.has(index) },
    };
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
    this.#given.add(index);
    this.#unput ??= failure;
    this.#failed.push({ note, why, verdict: this.#judgeFor(target, why) });
    this.#proceed(null);
  }

  #unput: Failure | null = null;

  /** Milliseconds until it is late; 0 = never. */
  #softMs(index: number, probe: boolean, anyway: boolean): number {
    const target = this.#request.targets[index];
    const health = this.#health[index];
    if (target === undefined || health === undefined || anyway) return 0;
    const mode = this.#plan.stream ? "stream" : "whole";
    if (probe) {
      const next = this.#order.find((other) => other !== index && !this.#given.has(other));
      return probeDeadline(mode, next === undefined ? -1 : (this.#health[next]?.latency(mode) ?? -1));
    }
    if (!this.#plan.stream) return 0;
    const { firstToken, firstTokenMax } = target.timeouts;
    return softDeadline(firstToken, firstTokenMax, health.medianFirstContent());
  }

  #hedgeMs(index: number): number {
    const hedge = this.#record.alias?.hedge ?? null;
    if (hedge === null) return 0;
    return hedgeDelay(hedge, this.#health[index]?.p95(this.#plan.stream ? "stream" : "whole") ?? null) ?? 0;
  }

  #mayHedge(run: Running, now: number): boolean {
    const hedge = this.#record.alias?.hedge ?? null;
    const next = this.#nextUsable(now);
    if (hedge === null || next < 0) return false;
    const from = this.#request.targets[run.index]?.price ?? null;
    const to = this.#request.targets[next]?.price ?? null;
    const tokens = this.#context(now);
    return mayHedgeTo(from, to, tokens, hedge.anyPrice) && this.#state.hedges.take(now, hedge.maxExtra);
  }

  #judge(run: Running, why: Trouble): Verdict {
    return this.#judgeFor(run.attempt.target, why);
  }

  #judgeFor(target: Target, why: Trouble): Verdict {
    const { clock } = this.#core.time;
    return judge(why, {
      target,
      stream: this.#plan.stream,
      idInPath: this.#plan.idInPath,
      retryAfterMax: this.#record.alias?.retry.retryAfterMax ?? 3000,
      needTokens: this.#request.need.promptTokens + this.#request.outputTokens,
      wall: clock.wall(),
      clockUntrusted: clock.wall() < BUILD_DATE,
    });
  }

  #settleFailure(run: Running, verdict: Verdict): void {
    const now = this.#now;
    if (verdict.limited) this.#limited.add(run.index);
    if (!verdict.wanSign || run.attempt.target.provider.private) {
      run.ticket.settle(now, verdict);
      return;
    }
    this.#core.uplink.settleFailure(run.attempt.target.provider.origin, run.ticket, verdict);
  }

  #note(run: Running, why: Trouble, verdict: Verdict): void {
    run.note.cause = verdict.cause;
    run.note.message = why.message;
    run.note.status = why.status;
    run.note.ms = this.#now - run.attempt.startedAt;
  }

  #moveOn(run: Running, verdict: Verdict): void {
    const failed = this.#failed.at(-1);
    if (failed !== undefined) this.#note(run, failed.why, verdict);
    const { index } = run;
    if (verdict.next === "no") {
      this.#finish(composeFailure(this.#failed, this.#core.time.clock.wall()));
      return;
    }
    const retry = this.#record.alias?.retry;
    const unasked = this.#order.filter(
      (other) => !this.#given.has(other) && other !== index && (this.#sendsTo[other] ?? 0) === 0,
    ).length;
    const decision = secondSend({
      sameTarget: verdict.sameTarget,
      counts: verdict.counts,
      successBefore: run.ticket.successBefore,
      sendsToTarget: this.#sendsTo[index] ?? 0,
      perTarget: retry?.perTarget ?? 2,
      corrected: this.#corrected.has(index),
      attempts: this.#sends,
      maxAttempts: this.#maxAttempts,
      unasked,
      anyway: run.anyway,
    });
    const provider = run.attempt.target.provider;
    if (decision === "free" && verdict.correction !== null) {
      this.#correct(index, run.attempt.target, verdict.correction.kind, verdict.correction.member);
      this.#launch(index, "plain", true, false);
      return;
    }
    if (
      decision === "budget" &&
      this.#core.retryBudget(provider.name).take(this.#now, provider.retryBudget)
    ) {
      const { random, timers } = this.#core.time;
      this.#repetitions++;
      const ms =
        verdict.waitMs === null
          ? backoff(this.#repetitions, retry ?? DEFAULT_BACKOFF, random)
          : askedWait(verdict.waitMs, random);
      this.#wait = timers.start(ms, () => this.#launch(index, "plain", true, false));
      return;
    }
    this.#given.add(index);
    this.#proceed(verdict.next === "larger_context" ? index : null);
  }

  #correct(index: number, target: Target, kind: string, member: string): void {
    const before = this.#rework[index] ?? AS_IT_IS;
    this.#corrected.add(index);
    // It is outside `per_target`.
    this.#sendsTo[index] = (this.#sendsTo[index] ?? 1) - 1;
    if (kind === "member") {
      this.#core.noteRefused(target, member);
      this.#rework[index] = { ...before, refused: [...before.refused, member] };
    } else if (kind === "prefill") {
      this.#rework[index] = before;
    } else {
      this.#rework[index] = { ...before, dropThinking: true };
    }
  }

  /** On to the next target. `smaller`: only those with a larger context than this one's. */
  #proceed(smaller: number | null): void {
    if (this.#over) return;
    if (smaller !== null) {
      const than = this.#abilities[smaller] ?? {};
      this.#request.targets.forEach((_, index) => {
        if (!hasLargerContext(this.#abilities[index] ?? {}, than)) this.#given.add(index);
      });
      if (this.#nextUsable(this.#now) < 0 && this.#running.length === 0) {
        this.#giveUp();
        return;
      }
    }
    const now = this.#now;
    // One that runs and is not late yet may still answer; it will be joined when it is late.
    if (this.#running.some((run) => !run.attempt.late)) return;
    const next = this.#nextUsable(now);
    if (next >= 0 && this.#sends < this.#maxAttempts) {
      if (this.#running.length >= 2) this.#leave(this.#running[0] as Running);
      this.#launch(next, this.#asOf(next, now), false, false);
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
    if (this.#core.uplink.wan.isDown && !targets.some((target) => target.provider.private)) {
      this.#core.uplink.await((reachable) => {
        if (this.#over) return;
        if (reachable) this.#lastResort();
        else this.#finish(WAN_DOWN);
      });
      return;
    }
    const all = targets
      .map((_, index) => index)
      .filter((index) => this.#request.issuer < 0 || index === this.#request.issuer);
    const order = this.#state.strategy.order(this.#routes, all, this.#context(now), false);
    const retryAfterMax = this.#record.alias?.retry.retryAfterMax ?? 3000;
    const resort = nothingUsable(this.#states(now), order, this.#given, this.#limited, now, retryAfterMax);
    switch (resort.action) {
      case "ask":
        if (!this.#order.includes(resort.index)) this.#order.push(resort.index);
        this.#launch(resort.index, resort.as === "probe" ? "probe" : "plain", false, resort.as === "anyway");
        return;
      case "wait":
        this.#waitFor(resort.index, resort.for, resort.until, now);
        return;
      case "refuse":
        if (this.#failed.length > 0) this.#giveUp();
        else this.#finish(noTarget(resort.rateLimited, resort.until - now));
    }
  }

  #waitFor(index: number, what: "probe" | "cooldown", until: number, now: number): void {
    const identity = this.#request.targets[index]?.identity ?? "";
    if (this.#cooling === null && !this.#core.joinLine(identity, MAX_COOLING_WAITERS)) {
      if (this.#failed.length > 0) this.#giveUp();
      else this.#finish(noTarget(what === "cooldown", until - now));
      return;
    }
    this.#cooling ??= identity;
    const ms = what === "probe" ? PROBE_POLL_MS : Math.max(1, until - now);
    this.#wait = this.#core.time.timers.start(ms, () => this.#lastResort());
  }

  #giveUp(): void {
    if (this.#broken !== null) {
      this.#failInBand(composeFailure(this.#failed, this.#core.time.clock.wall()));
      return;
    }
    // Nothing was ever sent: the conversion's own words say more than a list of attempts.
    if (this.#sends === 0 && this.#unput !== null) this.#finish(this.#unput);
    else this.#finish(composeFailure(this.#failed, this.#core.time.clock.wall()));
  }

  /** Loses a race, or is left for the next target: it becomes its target's observer where that place is free. */
  #leave(run: Running): void {
    this.#running = this.#running.filter((other) => other !== run);
    this.#given.add(run.index);
    run.note.cause ||= "late";
    run.note.message ||= "no content in time, another target was asked";
    run.note.ms = this.#now - run.attempt.startedAt;
    observe(this.#core, run.attempt, run.ticket, (why, target) => this.#judgeFor(target, why));
  }

  #drop(run: Running): void {
    this.#running = this.#running.filter((other) => other !== run);
    run.attempt.cancel();
    run.ticket.settle(this.#now, "lost");
  }

  #tryContinue(run: Running): boolean {
    const { alias } = this.#record;
    if (alias?.continuation !== true || !this.#plan.stream || this.#continued >= this.#request.targets.length)
      return false;
    if (this.#record.bodyDropped) return false;
    const broken = this.#plan.broken();
    if (broken === null) return false;
    this.#continued++;
    this.#record.continued = true;
    this.#delivery.unfollow();
    this.#broken = broken;
    this.#core.log.info(
      {
        request_id: this.#record.from.requestId,
        target: run.attempt.target.label,
        delivered: broken.text.length,
      },
      "a stream broke after content; another target is asked to finish it",
    );
    // Without text the caller saw only the beginning of reasoning or of an empty answer: it is asked afresh.
    this.#proceed(null);
    return true;
  }

  #settleTokens(run: Running, whole: boolean): void {
    const usage = run.attempt.reader?.usage ?? null;
    if (usage !== null) this.#record.usage = usage;
    const input = usage?.input ?? (whole ? this.#request.need.promptTokens : 0);
    const output = usage?.output ?? 0;
    this.#health[run.index]?.addTokens(input, output);
    this.#core.totals.tokensIn += input;
    this.#core.totals.tokensOut += output;
    if (whole && usage?.output != null) this.#state.output.add(usage.output);
  }

  #onTotal(total: number): void {
    const why = `no whole answer within ${Math.round(total / 1000)} s (timeouts.total)`;
    this.#finish(new Failure("timeout", why, { code: "upstream_timeout", noRetry: true }));
  }

  /** The request ends with an error. */
  #finish(failure: Failure): void {
    if (this.#over) return;
    for (const run of this.#running) {
      run.attempt.cancel();
      run.ticket.settle(this.#now, "cancelled");
    }
    this.#running = [];
    if (this.#delivery.started) {
      this.#failInBand(failure);
      return;
    }
    this.#record.failure = failure;
    const answer = this.#plan.refuse(failure);
    this.#delivery.respond(answer.status, answer.headers, answer.body);
    this.#end();
  }

  #failInBand(failure: Failure): void {
    if (this.#over) return;
    this.#record.failure = failure;
    if (!this.#delivery.started) {
      const answer = this.#plan.refuse(failure);
      this.#delivery.respond(answer.status, answer.headers, answer.body);
    } else {
      const text = this.#plan.failInBand(failure);
      if (text === null) this.#delivery.cut();
      else {
        this.#delivery.writeText(text);
        this.#delivery.end();
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
    this.#wait?.cancel();
    this.#total?.cancel();
    if (this.#cooling !== null) this.#core.leaveLine(this.#cooling);
    this.#running = [];
    this.#onEnd();
  }
}

const WAN_OUT: TargetState = {
  state: "out",
  reason: "wan",
  until: Number.POSITIVE_INFINITY,
  quick: false,
  probing: false,
};

const WAN_DOWN = new Failure(
  "overloaded",
  "the internet connection of this gateway is down, and the alias has no target on the own network",
  { code: "wan_down", retryAfterMs: 5000 },
);

const DEFAULT_BACKOFF = { backoffBase: 250, backoffMax: 5000 };

/** A wall clock before this was never set. */
const BUILD_DATE = Date.UTC(2026, 0, 1);

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

function abilityOf(target: Target): TargetAbility {
  return {
    ...(target.maxContext > 0 ? { maxContext: target.maxContext } : {}),
    ...(target.tools === null ? {} : { tools: target.tools }),
    ...(target.images === null ? {} : { images: target.images }),
    ...(target.jsonSchema === null ? {} : { jsonSchema: target.jsonSchema }),
  };
}
