/** The attempts of one request that failed: judged, noted for the record, and in the end composed into what the caller is told. */
import type { Failure } from "../base/failure.ts";
import type { Verdict } from "../upstream/classify.ts";
import { type ComposedFailure, composeFailure, describe, type FailedAttempt } from "./outcome.ts";
import type { AttemptNote } from "./record.ts";
import type { Target } from "./target.ts";
import { type Trouble, trouble } from "./trouble.ts";
import { judge } from "./verdict.ts";
import type { Run, Walk } from "./walk.ts";

export class FailedAttempts {
  /** Why the request could not even be put to a target, the first time. */
  unput: Failure | null = null;
  readonly #walk: Walk;
  readonly #all: FailedAttempt[] = [];

  constructor(walk: Walk) {
    this.#walk = walk;
  }

  get any(): boolean {
    return this.#all.length > 0;
  }

  /** One of them may be the uplink's. */
  get wanSign(): boolean {
    return this.#all.some(({ verdict }) => verdict.wanSign);
  }

  /** Judges troubles of one target, holding nothing of the request but figures. */
  judgeOf(target: Target): (why: Trouble) => Verdict {
    const { core, plan, record, request } = this.#walk;
    const { time, buildDate } = core;
    const { stream, idInPath } = plan;
    const retryAfterMax = record.alias?.retry.retryAfterMax ?? 3000;
    const needTokens = request.need.estimate() + request.outputTokens;
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

  /** The verdict on an attempt that has ended. */
  take({ attempt, note }: Run, why: Trouble): Verdict {
    const verdict = this.judgeOf(attempt.target)(why);
    const failed = { note, why, verdict, speaksCallers: attempt.speaksCallers };
    note.cause = verdict.cause;
    note.message = describe(failed);
    note.status = why.status;
    note.ms = this.#walk.core.time.clock.now() - attempt.startedAt;
    this.#all.push(failed);
    return verdict;
  }

  /** The request cannot be put to this target: not its fault, and nothing was sent. */
  takeUnput(target: Target, failure: Failure): void {
    if (failure.kind === "internal")
      this.#walk.core.log.error({ err: failure.cause }, "a request could not be prepared");
    const why = trouble("cannot", failure.message);
    const note: AttemptNote = {
      target: target.label,
      cause: "cannot",
      message: failure.message,
      status: 0,
      ms: 0,
    };
    this.unput ??= failure;
    this.#all.push({ note, why, verdict: this.judgeOf(target)(why), speaksCallers: false });
  }

  /** There is at least one. */
  compose(): ComposedFailure {
    return composeFailure(this.#all);
  }
}
