/** The sends of one request: putting it to a target, how many sends there were and may be, and the budget of further ones. */
import { toFailure } from "../base/failure.ts";
import type { RetryBudget } from "../routing/retry-budget.ts";
import { Attempt, type AttemptOwner } from "./attempt.ts";
import type { PendingSend, PreparedSend } from "./plan.ts";
import type { AttemptNote } from "./record.ts";
import type { Target } from "./target.ts";
import type { Run, SendReason, Walk } from "./walk.ts";

/** As long as the longest backoff: within any such time no more second sends go out than one window of the budget gives. */
const GRANT_MS = 5000;

export class Sends {
  /** All sends so far. */
  count = 0;
  /** Continuations so far: each may take one send more. */
  extraAttempts = 0;
  /** The target whose second send has its budget, up to `#grantedUntil`; -1 = none. */
  #granted = -1;
  #grantedUntil = 0;
  readonly #walk: Walk;
  readonly #owner: AttemptOwner;
  /** The target that was asked first, mostly the only one, and the sends to it. */
  #first = -1;
  #toFirst = 0;
  /** Sends to all others, by target; a hole is none. */
  #toOthers: number[] | null = null;

  constructor(walk: Walk, owner: AttemptOwner) {
    this.#walk = walk;
    this.#owner = owner;
  }

  get most(): number {
    return (this.#walk.record.alias?.retry.maxAttempts ?? 4) + this.extraAttempts;
  }

  get left(): boolean {
    return this.count < this.most;
  }

  /** Sends to one target, corrected ones left out. */
  to(index: number): number {
    return index === this.#first ? this.#toFirst : (this.#toOthers?.[index] ?? 0);
  }

  /** The last send to it was refused for its form: it is outside `per_target`. */
  forgive(index: number): void {
    if (this.to(index) > 0) this.#add(index, -1);
  }

  hasBudget(index: number, now: number): boolean {
    const { provider } = this.#walk.candidates.target(index);
    return this.#budget(provider.name).has(now, provider.retryBudget);
  }

  takeBudget(index: number, now: number): boolean {
    const { provider } = this.#walk.candidates.target(index);
    return this.#budget(provider.name).take(now, provider.retryBudget);
  }

  /** Budget for a second send after a wait; where that send is put off for long it is taken anew. */
  takeForLater(index: number, now: number): boolean {
    if (!this.takeBudget(index, now)) return false;
    this.#granted = index;
    this.#grantedUntil = now + GRANT_MS;
    return true;
  }

  /** Puts the request to this target, at once or when what it needs has been fetched; where that cannot be, the walk goes on. */
  launch(index: number, as: "plain" | "probe", reason: SendReason): void {
    const walk = this.#walk;
    const target = walk.candidates.target(index);
    let prepared: PreparedSend | PendingSend;
    try {
      prepared = walk.plan.prepare(target, walk.reworkOf(index, target));
    } catch (thrown) {
      walk.candidates.giveUp(index);
      walk.failed.takeUnput(target, toFailure(thrown));
      walk.proceed();
      return;
    }
    if ("fetch" in prepared) {
      walk.waits.fetch(index, prepared, () => this.#launchFetched(index, reason));
      return;
    }
    const now = walk.core.time.clock.now();
    const run = this.#mayGoOut(index, reason, now)
      ? this.#make(index, target, prepared, as, reason, now)
      : null;
    if (run !== null) {
      walk.takeRun(run);
      return;
    }
    walk.candidates.giveUp(index);
    walk.proceed();
  }

  /** While something was fetched the target may have gone, or another may have taken the probe. */
  #launchFetched(index: number, reason: SendReason): void {
    const walk = this.#walk;
    const { state } = walk.candidates.state(index, walk.core.time.clock.now());
    if (state === "out" && !isAnyway(reason)) walk.proceed();
    else walk.launch(index, state === "probe" ? "probe" : "plain", reason);
  }

  /** Budget that was taken before a long wait is stale: those that waited must not go out all together. */
  #mayGoOut(index: number, reason: SendReason, now: number): boolean {
    if (isExtra(reason) || this.to(index) === 0) return true;
    if (index === this.#granted && now <= this.#grantedUntil) return true;
    return this.takeBudget(index, now);
  }

  /** The attempt with its ticket; null: another request took the probe between the look and the send. */
  #make(
    index: number,
    target: Target,
    prepared: PreparedSend,
    as: "plain" | "probe",
    reason: SendReason,
    now: number,
  ): Run | null {
    const { core, plan, record, candidates } = this.#walk;
    const { time } = core;
    const ticket = candidates
      .health(index)
      .start(now, time.clock.wall(), candidates.mode, plan.endpoint, as, candidates.quotaNeed);
    if (ticket === null) return null;
    if (!isExtra(reason) && this.to(index) === 0) this.#budget(target.provider.name).countSend(now);
    this.count++;
    this.#add(index, 1);
    const note: AttemptNote = { target: target.label, cause: "", message: "", status: 0, ms: 0 };
    record.noteAttempt(note);
    const attempt = new Attempt(
      this.#owner,
      time,
      core.answers,
      target,
      prepared,
      this.count,
      as === "probe",
      now,
    );
    return { attempt, ticket, index, note, anyway: isAnyway(reason), hedge: false };
  }

  #add(index: number, sends: number): void {
    if (this.#first < 0) this.#first = index;
    if (index === this.#first) {
      this.#toFirst += sends;
      return;
    }
    this.#toOthers ??= [];
    this.#toOthers[index] = (this.#toOthers[index] ?? 0) + sends;
  }

  #budget(provider: string): RetryBudget {
    return this.#walk.core.retryBudget(provider);
  }
}

/** Beyond the first send to each target. */
function isExtra(reason: SendReason): boolean {
  return reason === "extra" || reason === "beside_probe";
}

function isAnyway(reason: SendReason): boolean {
  return reason === "anyway" || reason === "beside_probe";
}
