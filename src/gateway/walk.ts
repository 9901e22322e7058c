/** What the parts of one request's loop (sends, second sends, races, last resorts, repairs) share, and what they may make it do. */
import type { Failure } from "../base/failure.ts";
import type { Attempt as Ticket } from "../health/attempt.ts";
import type { Attempt } from "./attempt.ts";
import type { Candidates, LoopRequest } from "./candidates.ts";
import type { AliasState, Core } from "./core.ts";
import type { Delivery } from "./delivery.ts";
import type { FailedAttempts } from "./failed-attempts.ts";
import type { Plan, Rework } from "./plan.ts";
import type { AttemptNote, RequestRecord } from "./record.ts";
import type { Sends } from "./sends.ts";
import type { Target } from "./target.ts";
import type { Waits } from "./waits.ts";

/** An attempt that runs. */
export interface Run {
  readonly attempt: Attempt;
  readonly ticket: Ticket;
  readonly index: number;
  readonly note: AttemptNote;
  /** Asked for want of anything better: no second send. */
  readonly anyway: boolean;
  /** Its soft deadline is an earlier one, for hedging. */
  hedge: boolean;
}

/**
 * Why a target is asked: it is its turn; once more, or beside another, where budget was taken or none is needed; for
 * want of anything better, which is done once; beside a probe that hangs, which is both.
 */
export type SendReason = "turn" | "extra" | "anyway" | "beside_probe";

export interface Walk {
  readonly core: Core;
  readonly record: RequestRecord;
  readonly plan: Plan;
  readonly delivery: Delivery;
  readonly request: LoopRequest;
  readonly state: AliasState;
  readonly candidates: Candidates;
  readonly sends: Sends;
  readonly failed: FailedAttempts;
  readonly waits: Waits;
  /** At most two, the older first. */
  readonly running: readonly Run[];
  /** The request is over: nothing is sent or said any more. */
  readonly over: boolean;
  /** The next target in order that may be asked now; -1 = none. */
  next(now: number): number;
  /** Asks this target. */
  launch(index: number, as: "plain" | "probe", reason: SendReason): void;
  /** The attempt has been made and is to be started. */
  takeRun(run: Run): void;
  /** What is changed for this target in what it is sent. */
  reworkOf(index: number, target: Target): Rework;
  /** On to the next target. */
  proceed(): void;
  /** Goes on without this attempt, which may stay as an observer. */
  leave(run: Run): void;
  /** Where two run, the older makes room. */
  makeRoom(): void;
  /** The caller gets what the attempts said. */
  giveUp(): void;
  finish(failure: Failure): void;
  /** No send needs the request's body any more. */
  letGoOfBody(): void;
}
