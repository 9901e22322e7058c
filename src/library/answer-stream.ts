/** One request to a pool as an async iterator over the bytes of its answer. */
import { Failure } from "../base/failure.ts";
import type { Settled } from "../gateway/gateway.ts";
import type { ClientRoute } from "../http/route.ts";
import type { Usage } from "../protocols/neutral.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import { MemoryExchange } from "./memory-exchange.ts";
import { POOL } from "./pool-config.ts";
import type { PoolParts } from "./pool-parts.ts";

export interface Ask {
  readonly protocol: ProtocolName;
  readonly stream: boolean;
  readonly headers: readonly string[];
  readonly signal: AbortSignal | null;
  /** Written when the answer is first read; may throw. */
  readonly body: () => Buffer;
}

const DONE = { value: undefined, done: true } as const;

/** Nothing is sent before the first `next`. */
export class AnswerStream implements AsyncIterableIterator<Uint8Array> {
  /** Of the answer; 0 = none yet. */
  get status(): number {
    return this.#exchange?.status ?? 0;
  }
  /** Tokens as the provider counted them, once the answer is complete; null where it did not say. */
  usage: Usage | null = null;
  /** `name/model` that answered, once the answer is complete. */
  target: string | null = null;

  readonly #parts: PoolParts;
  readonly #ask: Ask;
  #exchange: MemoryExchange | null = null;
  #ended = false;
  #failure: unknown = null;
  #wake: (() => void) | null = null;
  #last: Promise<unknown> = Promise.resolve();
  readonly #onAbort = () => {
    this.#stop(
      new Failure("bad_request", "the request was aborted", {
        code: "client_closed",
        status: 499,
        noRetry: true,
        cause: this.#ask.signal?.reason,
      }),
    );
  };

  constructor(parts: PoolParts, ask: Ask) {
    this.#parts = parts;
    this.#ask = ask;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Reads one after another, also when it is called again before the last one has come. */
  next(): Promise<IteratorResult<Uint8Array>> {
    const read = this.#last.then(() => this.#read());
    this.#last = read.catch(() => {}); // reported to whoever called for it
    return read;
  }

  /** The reader has enough: the upstream is cancelled at once. */
  return(): Promise<IteratorResult<Uint8Array>> {
    this.#stop(null);
    return Promise.resolve(DONE);
  }

  async #read(): Promise<IteratorResult<Uint8Array>> {
    if (this.#exchange === null && !this.#ended) this.#send();
    for (;;) {
      const value = this.#exchange?.take() ?? null;
      if (value !== null) return { value, done: false };
      if (this.#ended) {
        const failure = this.#failure;
        this.#failure = null;
        if (failure !== null) throw failure;
        return DONE;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #send(): void {
    const { protocol, stream, headers, signal, body } = this.#ask;
    if (this.#parts.closed) this.#end(poolClosed());
    else if (signal?.aborted === true) this.#onAbort();
    if (this.#ended) return;
    let exchange: MemoryExchange;
    try {
      const query = protocol === "gemini" && stream ? "alt=sse" : "";
      exchange = new MemoryExchange({ path: "/", query, headers, body: body() }, () => this.#wake?.());
    } catch (thrown) {
      this.#end(thrown);
      return;
    }
    this.#exchange = exchange;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#parts.gateway.serve(exchange, routeOf(protocol, stream), {
      scope: "loopback",
      address: exchange.peer.address,
      requestId: this.#parts.ids.take(headers),
      onSettled: (outcome) => this.#settle(outcome),
    });
  }

  #settle(outcome: Settled): void {
    const { usage, answeredBy } = outcome;
    const failure = this.#parts.closed && outcome.failure !== null ? poolClosed() : outcome.failure;
    this.usage = usage;
    this.target = answeredBy === "" ? null : answeredBy;
    const exchange = this.#exchange;
    // Ended by the gateway without an answer: it is being closed, and has timers for a reader that must be let go.
    const unanswered = exchange?.closed === false;
    this.#end(failure ?? (unanswered || exchange?.isCut === true ? poolClosed() : null));
    // An answer that is nothing but an error is thrown, not yielded.
    const onlyError = failure !== null && (!this.#ask.stream || (exchange?.status ?? 0) >= 400);
    if (unanswered || onlyError) exchange?.cancel();
  }

  #stop(failure: Failure | null): void {
    if (!this.#ended) this.#end(failure);
    this.#exchange?.cancel();
  }

  #end(failure: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#ask.signal?.removeEventListener("abort", this.#onAbort);
    this.#wake?.();
  }
}

function routeOf(protocol: ProtocolName, stream: boolean): ClientRoute {
  return { kind: "client", protocol, operation: "chat", model: POOL, stream, item: "", action: "" };
}

function poolClosed(): Failure {
  return new Failure("overloaded", "the pool is closed", { code: "pool_closed", noRetry: true });
}
