/** A stream that breaks after content is given to the next target to finish, as long as its request is kept (30-routing.md, After it). */
import type { Verdict } from "../upstream/classify.ts";
import type { Continued, Rework } from "./plan.ts";
import type { Target } from "./target.ts";
import type { Run, Walk } from "./walk.ts";

export class Repair {
  readonly #walk: Walk;
  /** The answer that broke, while it is being finished. */
  #broken: Omit<Continued, "prefill"> | null = null;
  #times = 0;
  /** Targets that refused to go on from an assistant message. */
  #noPrefill: Set<number> | null = null;

  constructor(walk: Walk) {
    this.#walk = walk;
  }

  /** A broken answer is being finished. */
  get running(): boolean {
    return this.#broken !== null;
  }

  /** What this target is asked for beside `rework`: the rest of the broken answer. */
  rework(index: number, target: Target, rework: Rework): Rework {
    if (this.#broken === null) return rework;
    return { ...rework, continuation: { ...this.#broken, prefill: this.#prefills(index, target) } };
  }

  /** False: it cannot be repaired, or there is nobody left to ask. */
  start(run: Run): boolean {
    const { core, record, plan, request, sends, delivery } = this.#walk;
    if (record.alias?.continuation !== true || !plan.stream) return false;
    if (record.bodyDropped) {
      core.totals.bodiesMissed++;
      return false;
    }
    if (this.#times >= request.targets.length) return false;
    const broken = plan.broken();
    if (broken === null) return false;
    this.#times++;
    sends.extraAttempts = this.#times;
    record.continued = true;
    delivery.unfollow();
    this.#broken = {
      ...broken,
      promptTokens: this.#broken?.promptTokens ?? run.attempt.usage?.input ?? null,
    };
    core.log.info(
      {
        request_id: record.from.requestId,
        target: run.attempt.target.label,
        delivered: broken.text.length,
      },
      "a stream broke after content; another target is asked to finish it",
    );
    this.#walk.proceed();
    return true;
  }

  /** The request for the rest was refused. It was we who wrote it: first without the prefill, then somebody else is asked. */
  askOtherwise({ index, attempt }: Run): void {
    const { candidates, sends } = this.#walk;
    const prefilled = this.#prefills(index, attempt.target);
    this.#noPrefill ??= new Set();
    this.#noPrefill.add(index);
    if (prefilled && sends.left) this.#walk.launch(index, "plain", "extra");
    else {
      candidates.giveUp(index);
      this.#walk.proceed();
    }
  }

  #prefills(index: number, target: Target): boolean {
    return target.prefill && this.#noPrefill?.has(index) !== true;
  }
}

/** A 400 or 422 that is neither about the context nor a refusal of the content. */
export function isMalformed({ cause }: Verdict): boolean {
  return cause === "caller_error" || cause === "correctable";
}
