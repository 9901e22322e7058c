/** What kind of request it is: how it is put to any target, and how its answer goes back. One per request. */
import type { Failure } from "../base/failure.ts";
import type { PreparedSend } from "./attempt.ts";
import type { Target } from "./target.ts";

/** What is changed in a second send. */
export interface Rework {
  /** Members the target refused. */
  readonly refused: readonly string[];
  /** Without the history's thinking. */
  readonly dropThinking: boolean;
  /** Text delivered before a stream broke: the target is asked to finish it. */
  readonly continuation: Continued | null;
}

export interface Continued {
  readonly text: string;
  /** By an assistant message to go on from; false: by a message that asks for it. */
  readonly prefill: boolean;
}

export const AS_IT_IS: Rework = { refused: [], dropThinking: false, continuation: null };

export interface Plan {
  readonly stream: boolean;
  /** What a bench is kept by: credential and model troubles of one endpoint say nothing of another. */
  readonly endpoint: string;
  /** Ids in the request's path: a 404 is about them, not about the model. */
  readonly idInPath: boolean;
  /** Throws a Failure when the request cannot be put to this target. */
  prepare(target: Target, rework: Rework): PreparedSend;
  /** An error as a whole answer, in the caller's protocol. */
  refuse(failure: Failure): { readonly status: number; readonly headers: string[]; readonly body: string };
  /** An error inside a stream that has begun; null when only cutting the connection tells it. */
  failInBand(failure: Failure): string | null;
  /** Head of a stream that is committed before its content. */
  streamHead(): string[];
  ping(): string;
  /** What a broken stream's continuation needs; null when it cannot be repaired. */
  broken(): Broken | null;
}

export interface Broken {
  readonly text: string;
}
