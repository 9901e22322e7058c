/** What kind of request it is: how it is put to any target, and how its answer goes back. One per request. */
import type { Failure } from "../base/failure.ts";
import type { UpstreamErrorInfo } from "../base/upstream-error.ts";
import type { BodyBytes, ResponseHead } from "../upstream/client.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
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

/** A broken answer and how its rest is asked for. */
export interface Continued extends Broken {
  /** By an assistant message to go on from; false: by a message that asks for it. */
  readonly prefill: boolean;
  /** Prompt tokens as the first target counted them; null = unknown. */
  readonly promptTokens: number | null;
}

export const AS_IT_IS: Rework = { refused: [], dropThinking: false, continuation: null };

/** A request ready for one target. */
export interface PreparedSend {
  readonly method: string;
  readonly path: string;
  readonly headers: string;
  /** Put aside once it is not sent again. */
  body: BodyBytes;
  /** Whether the caller waits for a stream: which deadlines apply. */
  readonly stream: boolean;
  createReader(attempt: Attempt, head: ResponseHead): AnswerReader;
  /** What makes the reader of an observer, which only waits for content: neither of them holds the request. */
  watcher?(): PreparedSend["createReader"];
  /** It speaks the caller's protocol: its error bodies may be relayed as they are. */
  readonly speaksCallers?: boolean;
  /** Reads the upstream's error body. */
  decodeError(status: number, body: string): UpstreamErrorInfo;
}

/** Something must be fetched before the request can be put to this target; then `prepare` is asked again. */
export interface PendingSend {
  /** Calls `done` once and later, whatever comes of it, unless the function it returns was called before. */
  fetch(done: () => void): () => void;
}

export interface Plan {
  readonly stream: boolean;
  /** What a bench is kept by: credential and model troubles of one endpoint say nothing of another. */
  readonly endpoint: string;
  /** Ids in the request's path: a 404 is about them, not about the model. */
  readonly idInPath: boolean;
  /** Throws a Failure when the request cannot be put to this target. */
  prepare(target: Target, rework: Rework): PreparedSend | PendingSend;
  /** An error as a whole answer, in the caller's protocol. */
  refuse(failure: Failure): { readonly status: number; readonly headers: string[]; readonly body: string };
  /** An error inside a stream that has begun; null when only cutting the connection tells it. */
  failInBand(failure: Failure): string | null;
  /** Head of a stream that is committed before its content. */
  streamHead(): string[];
  ping(): string;
  /** What a broken stream's continuation needs; null when it cannot be repaired. */
  broken(): Broken | null;
  /** Lets go of the request's body and of all that was read from it: nothing is prepared or repaired any more. */
  release(): void;
}

export interface Broken {
  /** The caller's text so far; "" = none: the answer begins afresh. */
  readonly text: string;
  /** Only a restart that repeats it from the start may go on (an answer under a JSON schema). */
  readonly exact: boolean;
}
