/** The request side of one attempt: put on the wire with credentials that may have to be fetched first, and its body kept no longer than needed. */
import type { BodyBytes, UpstreamCall } from "../upstream/client.ts";
import type { Attempt } from "./attempt.ts";
import type { PreparedSend } from "./plan.ts";
import { trouble } from "./trouble.ts";

export class AttemptSend {
  /** null once nothing more is made of the request. */
  prepared: PreparedSend | null;
  readonly #attempt: Attempt;
  #call: UpstreamCall | null = null;
  /** An earlier part was answered before it was out. */
  #unsent = false;

  constructor(attempt: Attempt, prepared: PreparedSend) {
    this.#attempt = attempt;
    this.prepared = prepared;
  }

  /** Every request of the attempt has left this process. */
  get sent(): boolean {
    return !this.#unsent && this.#call?.sent === true;
  }

  get connected(): boolean {
    return this.#call?.connected ?? false;
  }

  start(): void {
    const { token } = this.#attempt.target.provider;
    if (token === null) {
      this.#send("");
      return;
    }
    token.get((lines, problem) => {
      if (this.#attempt.over) return;
      if (problem === null) this.#send(lines);
      else this.#attempt.fail(trouble("credential", problem));
    });
  }

  /** The next part of a request that is sent in several. */
  startNext(body: BodyBytes): void {
    if (this.prepared === null) return;
    this.prepared.body = body;
    this.#unsent ||= this.#call?.sent !== true;
    this.start();
  }

  /** The body is not sent again: it is let go of as soon as it has been written. */
  releaseBody(): void {
    if (this.prepared !== null) this.prepared.body = NO_BODY;
    this.#call?.releaseBody?.();
  }

  /** The caller is getting the answer: what was sent for it has served. */
  letGo(): void {
    this.prepared = null;
    this.#call?.releaseBody?.();
  }

  pause(): void {
    this.#call?.pause();
  }

  resume(): void {
    this.#call?.resume();
  }

  /** The answer is whole: what may still come of its body is of no interest, and its connection may be kept. */
  finish(): void {
    const call = this.#call;
    if (call?.finish !== undefined) call.finish();
    else call?.abort();
  }

  abort(): void {
    this.#call?.abort();
  }

  #send(credentials: string): void {
    if (this.prepared === null) return;
    const { provider, deadlines } = this.#attempt.target;
    const { method, path, headers, body } = this.prepared;
    this.#call = provider.transport.send(
      {
        origin: provider.origin,
        method,
        path,
        constantHeaders: provider.constantHeaders,
        headers: credentials === "" ? headers : credentials + headers,
        body,
        deadlines,
      },
      this.#attempt,
    );
  }
}

const NO_BODY: readonly Uint8Array[] = [];
