/** One send to one target: its clocks, its answer's reader, and one word to its owner about each turn it takes. */
import type { Time, Timer } from "../base/clock.ts";
import { headerValue } from "../base/headers.ts";
import type { UpstreamErrorInfo } from "../base/upstream-error.ts";
import type { MemoryBudget } from "../limits/memory.ts";
import type { Usage } from "../protocols/neutral.ts";
import { CONNECT_LATE } from "../routing/late.ts";
import type {
  ResponseHead,
  UpstreamCall,
  UpstreamDeadlines,
  UpstreamFailure,
  UpstreamHandler,
} from "../upstream/client.ts";
import { decompress } from "./decompress.ts";
import type { Delivery } from "./delivery.ts";
import { createErrorReader } from "./error-answer.ts";
import type { Target } from "./target.ts";
import { type Trouble, trouble } from "./trouble.ts";

/** Reads a successful answer: holds it back until it is worth showing, then passes it on. */
export interface AnswerReader {
  /** A piece of the body; a view, valid during the call only. */
  data(chunk: Buffer): void;
  /** The body's end; `clean` false when it was only the connection's end. */
  end(clean: boolean): void;
  /** This attempt was chosen: what is held goes out, the rest follows. Called once, at or after content. */
  deliver(to: Delivery): void;
  /** Usage the upstream reported so far. */
  readonly usage: Usage | null;
}

/** A request ready for one target. */
export interface PreparedSend {
  readonly method: string;
  readonly path: string;
  readonly headers: string;
  readonly body: readonly Uint8Array[];
  /** Whether the caller waits for a stream: which deadlines apply. */
  readonly stream: boolean;
  createReader(attempt: Attempt, head: ResponseHead): AnswerReader;
  /** It speaks the caller's protocol: its error bodies may be relayed as they are. */
  readonly speaksCallers?: boolean;
  /** Reads the upstream's error body. */
  decodeError(status: number, body: string): UpstreamErrorInfo;
}

export interface AttemptOwner {
  /** The answer is worth showing (first content, or whole). The owner may call `attempt.deliver` now or drop it. */
  onContent(attempt: Attempt): void;
  /** Over without content. */
  onFailed(attempt: Attempt, why: Trouble): void;
  /** Failed after content had been delivered. */
  onBroken(attempt: Attempt, why: Trouble): void;
  /** The answer is complete and delivered. */
  onComplete(attempt: Attempt): void;
  /** No content by the soft deadline, or (`unconnected`) no connection in time. */
  onLate(attempt: Attempt, unconnected: boolean): void;
  /** The upstream's head has come (rate-limit headers). */
  onHead(attempt: Attempt, head: ResponseHead): void;
}

/** An error body is worth waiting for, but not for long. */
const ERROR_BODY_MS = 5000;

export class Attempt implements UpstreamHandler {
  readonly target: Target;
  /** 1 for the first send of the request. */
  readonly number: number;
  readonly startedAt: number;
  readonly probe: boolean;
  headAt = 0;
  contentAt = 0;
  endedAt = 0;
  head: ResponseHead | null = null;
  reader: AnswerReader | null = null;
  late = false;
  readonly speaksCallers: boolean;

  #owner: AttemptOwner;
  readonly #time: Time;
  readonly #answers: MemoryBudget;
  #heldBytes = 0;
  #prepared: PreparedSend;
  #call: UpstreamCall | null = null;
  #over = false;
  #delivered = false;
  #failingBody = false;
  #soft: Timer | null = null;
  #connectLate: Timer | null = null;
  #hard: Timer | null = null;
  #idle: Timer | null = null;
  #tail: Timer | null = null;
  #tailEnd: (() => void) | null = null;
  #inflate: ReturnType<typeof decompress> = null;
  #afterDelivery: (() => void) | null = null;

  constructor(
    owner: AttemptOwner,
    time: Time,
    answers: MemoryBudget,
    target: Target,
    prepared: PreparedSend,
    number: number,
    probe: boolean,
  ) {
    this.#owner = owner;
    this.#time = time;
    this.#answers = answers;
    this.target = target;
    this.#prepared = prepared;
    this.speaksCallers = prepared.speaksCallers === true;
    this.number = number;
    this.probe = probe;
    this.startedAt = time.clock.now();
  }

  get over(): boolean {
    return this.#over;
  }

  get stream(): boolean {
    return this.#prepared.stream;
  }

  get connected(): boolean {
    return this.#call?.connected ?? false;
  }

  /** Sends. `softMs`: when the owner wants to hear that it is late; 0 = never. */
  start(softMs: number): void {
    const { provider, timeouts } = this.target;
    const deadlines: UpstreamDeadlines = { connect: timeouts.connect, firstByte: 0, idle: 0, total: 0 };
    const hard = this.#prepared.stream ? timeouts.firstTokenMax : timeouts.answer;
    if (hard > 0) this.#hard ??= this.#time.timers.start(hard, () => this.#onHardDeadline());
    if (softMs > 0) {
      this.#soft = this.#time.timers.start(softMs, () => this.#onLate(false));
      if (this.#prepared.stream || softMs > CONNECT_LATE) {
        this.#connectLate = this.#time.timers.start(CONNECT_LATE, () => {
          if (!this.connected) this.#onLate(true);
        });
      }
    }
    if (provider.token === null) {
      this.#send(deadlines, "");
      return;
    }
    provider.token.get((lines, problem) => {
      if (this.#over) return;
      if (problem === null) this.#send(deadlines, lines);
      else this.fail(trouble("credential", problem));
    });
  }

  /** Readers: this part of the answer is whole; the request's next part goes to the same target, under the same clocks. */
  sendNext(body: readonly Uint8Array[]): void {
    if (this.#over) return;
    this.#idle?.cancel();
    this.#idle = null;
    this.head = null;
    this.#prepared = { ...this.#prepared, body };
    this.start(0);
  }

  onHead(head: ResponseHead): void {
    if (this.#over) return;
    this.head = head;
    this.headAt = this.#time.clock.now();
    this.#owner.onHead(this, head);
    if (this.#over) return;
    if (head.status >= 200 && head.status < 300) {
      this.reader = this.#prepared.createReader(this, head);
    } else {
      this.#failingBody = true;
      this.reader = createErrorReader(this, head, this.#prepared.decodeError);
      this.#restartHard(ERROR_BODY_MS);
    }
    this.#inflate = decompress(headerValue(head.headers, "content-encoding"), {
      onData: (chunk) => {
        if (!this.#over) this.reader?.data(chunk);
      },
      onEnd: () => {
        if (!this.#over) this.reader?.end(true);
      },
      onError: (message) => this.fail(trouble("not_its_type", message, { afterHead: true })),
      onRoom: () => this.#call?.resume(),
    });
  }

  onData(chunk: Buffer): void {
    if (this.#over) return;
    this.#restartIdle();
    if (this.#inflate === null) this.reader?.data(chunk);
    else if (!this.#inflate.write(chunk)) this.#call?.pause();
  }

  onEnd(clean: boolean): void {
    if (this.#over) return;
    if (this.#inflate === null) this.reader?.end(clean);
    else this.#inflate.end();
  }

  onFail(failure: UpstreamFailure): void {
    const afterHead = this.head !== null;
    // An error answer whose body breaks off is still that error answer.
    if (this.#failingBody && !this.#over) {
      this.reader?.end(false);
      return;
    }
    const kind = failure.cause === "cut" ? "cut" : failure.cause === "idle_timeout" ? "idle" : "transport";
    this.fail(trouble(kind, failure.message, { failure, afterHead }));
  }

  /** Readers: the first content event, or the regular end of an answer that is held. */
  reachContent(): void {
    if (this.#over || this.contentAt !== 0) return;
    this.contentAt = this.#time.clock.now();
    this.#soft?.cancel();
    this.#connectLate?.cancel();
    const { timeouts } = this.target;
    if (this.#prepared.stream) this.#restartHard(timeouts.contentIdle);
    if (timeouts.idle > 0 && this.#idle === null) {
      this.#idle = this.#time.timers.start(timeouts.idle, () => {
        const seconds = Math.round(timeouts.idle / 1000);
        this.fail(
          trouble("idle", `silent for ${seconds} s inside its answer (timeouts.idle)`, { afterHead: true }),
        );
      });
    }
    this.#owner.onContent(this);
  }

  /** Readers: takes memory for what is held of the answer; false: there is none. Given back at the end at the latest. */
  hold(bytes: number): boolean {
    if (this.#over || this.#answers.admit(bytes, this.#heldBytes) !== null) return false;
    this.#heldBytes += bytes;
    return true;
  }

  /** Readers: what was held has been passed on. */
  unhold(): void {
    this.#answers.release(this.#heldBytes);
    this.#heldBytes = 0;
  }

  /** Readers: another content event of a stream. */
  touchContent(): void {
    if (this.target.timeouts.contentIdle > 0 && this.#tail === null)
      this.#hard?.restart(this.target.timeouts.contentIdle);
  }

  /** Owner: this attempt's answer is the one the caller gets. */
  deliver(to: Delivery): void {
    if (this.#over || this.#delivered) return;
    this.#delivered = true;
    to.follow(this);
    this.reader?.deliver(to);
    const then = this.#afterDelivery;
    this.#afterDelivery = null;
    then?.();
  }

  /** The body is not sent again: it is let go of as soon as it has been written. */
  releaseBody(): void {
    this.#prepared = { ...this.#prepared, body: [] };
    this.#call?.releaseBody?.();
  }

  /** It runs on for somebody else, and lets go of the request's body. */
  handOver(owner: AttemptOwner): void {
    this.#owner = owner;
    this.releaseBody();
    this.#soft?.cancel();
    this.#connectLate?.cancel();
  }

  /** Readers: the answer is whole, but nobody has chosen it yet; `then` runs once it is delivered. */
  completeWhenDelivered(then: () => void): void {
    this.#afterDelivery = then;
    this.#hard?.cancel();
    this.#idle?.cancel();
  }

  /** Readers: the finish reason has come; `then` runs when what may follow it has not ended the answer in time. */
  awaitTail(ms: number, then: () => void): void {
    this.#idle?.cancel();
    this.#hard?.cancel();
    this.#tailEnd = then;
    this.#tail = this.#time.timers.start(ms, then);
  }

  /** Readers: content came behind a finish reason: another candidate of the same answer goes on. */
  leaveTail(): void {
    if (this.#tail === null) return;
    this.#tail.cancel();
    this.#tail = null;
    this.#tailEnd = null;
    this.#restartHard(this.target.timeouts.contentIdle);
    this.#restartIdle();
  }

  /** Readers: everything has been delivered. */
  complete(): void {
    if (!this.#finish()) return;
    this.#call?.abort();
    this.#owner.onComplete(this);
  }

  fail(why: Trouble): void {
    if (this.#over) return;
    const whole = this.#tailEnd;
    if (whole !== null) {
      // A finish reason came: whatever goes wrong behind it, the answer is whole (30-routing.md, failure table).
      this.#tailEnd = null;
      whole();
      return;
    }
    if (!this.#finish()) return;
    this.#call?.abort();
    if (this.#delivered) this.#owner.onBroken(this, { ...why, afterContent: true });
    else this.#owner.onFailed(this, why);
  }

  /** Ends it without a word to the owner: lost a race, client gone, drain. */
  cancel(): void {
    if (this.#finish()) this.#call?.abort();
  }

  pause(): void {
    this.#idle?.cancel();
    if (this.#delivered) this.#hard?.cancel();
    this.#call?.pause();
  }

  resume(): void {
    if (this.#over) return;
    this.#restartIdle();
    if (this.#delivered) this.touchContent();
    this.#call?.resume();
  }

  /** Turns a soft deadline into another one (or none, 0), e.g. when it is left to finish beside others. */
  rearmSoft(ms: number): void {
    if (ms > 0 && !this.#over && this.contentAt === 0) {
      this.#soft ??= this.#time.timers.start(ms, () => this.#onLate(false));
      this.#soft.restart(ms);
    } else {
      this.#soft?.cancel();
    }
  }

  #send(deadlines: UpstreamDeadlines, credentials: string): void {
    const { provider } = this.target;
    this.#call = provider.transport.send(
      {
        origin: provider.origin,
        method: this.#prepared.method,
        path: this.#prepared.path,
        constantHeaders: provider.constantHeaders,
        headers: credentials === "" ? this.#prepared.headers : credentials + this.#prepared.headers,
        body: this.#prepared.body,
        deadlines,
      },
      this,
    );
  }

  #onLate(unconnected: boolean): void {
    if (this.#over || this.contentAt !== 0) return;
    this.late = true;
    this.#soft?.cancel();
    this.#owner.onLate(this, unconnected);
    // Where it was only time to hedge, and nothing came of it, the connection is still waited for no longer than that.
    if (this.late) this.#connectLate?.cancel();
  }

  #onHardDeadline(): void {
    const { timeouts } = this.target;
    const afterHead = this.head !== null;
    if (this.#failingBody) this.reader?.end(false);
    else if (this.contentAt !== 0) {
      this.fail(
        trouble("content_idle", `no content for ${seconds(timeouts.contentIdle)} (timeouts.content_idle)`, {
          afterHead,
        }),
      );
    } else if (this.#prepared.stream) {
      this.fail(
        trouble(
          "first_token_max",
          `no content within ${seconds(timeouts.firstTokenMax)} (timeouts.first_token_max)`,
          { afterHead },
        ),
      );
    } else {
      this.fail(
        trouble("answer_deadline", `no whole answer within ${seconds(timeouts.answer)} (timeouts.answer)`, {
          afterHead,
        }),
      );
    }
  }

  #restartHard(ms: number): void {
    if (ms > 0) {
      this.#hard ??= this.#time.timers.start(ms, () => this.#onHardDeadline());
      this.#hard.restart(ms);
    } else {
      this.#hard?.cancel();
    }
  }

  #restartIdle(): void {
    const { idle } = this.target.timeouts;
    if (idle <= 0 || this.#failingBody || this.#tail !== null) return;
    if (this.#idle !== null) this.#idle.restart(idle);
    else if (!this.#prepared.stream) {
      // A whole answer that has begun to arrive must go on arriving; a stream's silence before content has its own deadline.
      this.#idle = this.#time.timers.start(idle, () =>
        this.fail(
          trouble("idle", `silent for ${seconds(idle)} inside its answer (timeouts.idle)`, {
            afterHead: true,
          }),
        ),
      );
    }
  }

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.endedAt = this.#time.clock.now();
    this.#soft?.cancel();
    this.#connectLate?.cancel();
    this.#hard?.cancel();
    this.#idle?.cancel();
    this.#tail?.cancel();
    this.#tailEnd = null;
    this.#inflate?.destroy();
    this.unhold();
    return true;
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
