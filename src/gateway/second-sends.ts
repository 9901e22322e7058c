/** Whether and when a target that failed in this request is asked by it once more: as it was, after a wait, or corrected. */
import { askedWait, backoff } from "../routing/backoff.ts";
import { secondSend } from "../routing/second-send.ts";
import type { Verdict } from "../upstream/classify.ts";
import { AS_IT_IS, type Rework } from "./plan.ts";
import type { Target } from "./target.ts";
import type { Run, Walk } from "./walk.ts";

const DEFAULT_BACKOFF = { backoffBase: 250, backoffMax: 5000 };

export class SecondSends {
  readonly #walk: Walk;
  /** What was changed for targets that refused the request's form. */
  readonly #rework = new Map<number, Rework>();
  #repetitions = 0;

  constructor(walk: Walk) {
    this.#walk = walk;
  }

  rework(index: number): Rework {
    return this.#rework.get(index) ?? AS_IT_IS;
  }

  /** True: the target is asked again, now or after a wait. `successBefore`: its success average before this failure. */
  start({ index, attempt, anyway }: Run, verdict: Verdict, successBefore: number): boolean {
    const { sends, record, waits } = this.#walk;
    const decision = secondSend({
      sameTarget: verdict.sameTarget,
      counts: verdict.counts,
      successBefore,
      sendsToTarget: sends.to(index),
      perTarget: record.alias?.retry.perTarget ?? 2,
      corrected: this.#rework.has(index),
      attempts: sends.count,
      maxAttempts: sends.most,
      unasked: this.#unasked(index),
      anyway,
    });
    if (decision === "free" && verdict.correction !== null) {
      this.#correct(index, attempt.target, verdict.correction.kind, verdict.correction.member);
      this.#walk.launch(index, "plain", "extra");
      return true;
    }
    // One wait at a time: of two racers that fail, one is asked again.
    return decision === "budget" && waits.pending < 0 && this.#wait(index, verdict);
  }

  /** Usable targets this request has not asked yet: each keeps an attempt. */
  #unasked(index: number): number {
    const { candidates, sends } = this.#walk;
    return candidates.order.filter(
      (other) => other !== index && !candidates.isGiven(other) && sends.to(other) === 0,
    ).length;
  }

  /** False: there is no budget, or it may not be asked when the wait is over. */
  #wait(index: number, { waitMs }: Verdict): boolean {
    const { core, candidates, sends, waits, record } = this.#walk;
    const { clock, random } = core.time;
    const now = clock.now();
    const state = candidates.state(index, now);
    const coolUntil = state.state === "out" && state.reason === "cooling" ? state.until : 0;
    if (waitMs !== null && coolUntil > now + waitMs) return false;
    if (!sends.takeForLater(index, now)) return false;
    this.#repetitions++;
    waits.pending = index;
    // A rate limit that names no time cools the target for longer than is waited here.
    const ownUntil = waitMs === null ? coolUntil : 0;
    waits.start(
      waitMs === null
        ? backoff(this.#repetitions, record.alias?.retry ?? DEFAULT_BACKOFF, random)
        : askedWait(waitMs, random),
      () => this.#askAgain(index, ownUntil),
    );
    return true;
  }

  /** Others may have found it dead meanwhile, or were told to wait longer than `coolUntil`. */
  #askAgain(index: number, coolUntil: number): void {
    const { core, candidates, waits } = this.#walk;
    waits.pending = -1;
    const now = core.time.clock.now();
    const state = candidates.state(index, now);
    const own = state.state === "out" && state.reason === "cooling" && state.until <= coolUntil;
    if (state.state === "out" && !own && state.reason !== "quota") {
      this.#walk.proceed();
      return;
    }
    this.#walk.makeRoom();
    this.#walk.launch(index, candidates.asOf(index, now), "extra");
  }

  #correct(index: number, target: Target, kind: string, member: string): void {
    const before = this.rework(index);
    this.#walk.sends.forgive(index);
    if (kind === "member") {
      this.#walk.core.noteRefused(target, member);
      this.#rework.set(index, { ...before, refused: [...before.refused, member] });
    } else {
      this.#rework.set(index, { ...before, dropThinking: true });
    }
  }
}
