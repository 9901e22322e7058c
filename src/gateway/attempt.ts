/** One send to one target: its clocks, its answer's reader, and one word to its owner about each turn it takes. */
import type { Time } from "../base/clock.ts";
import { headerValue } from "../base/headers.ts";
import type { MemoryBudget } from "../limits/memory.ts";
import type { Usage } from "../protocols/neutral.ts";
import type {
  ResponseHead,
  UpstreamCall,
  UpstreamDeadlines,
  UpstreamFailure,
  UpstreamHandler,
} from "../upstream/client.ts";
import type { AnswerReader } from "./answer-reader.ts";
import { AttemptDeadlines, type DeadlineOwner } from "./attempt-deadlines.ts";
import { hardTrouble, idleTrouble } from "./deadline-trouble.ts";
import { decompress } from "./decompress.ts";
import type { Delivery } from "./delivery.ts";
import { createErrorReader } from "./error-answer.ts";
import type { PreparedSend } from "./plan.ts";
import type { Target } from "./target.ts";
import { type Trouble, trouble } from "./trouble.ts";

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

export class Attempt implements UpstreamHandler, DeadlineOwner {
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
  readonly #deadlines: AttemptDeadlines;
  readonly #answers: MemoryBudget;
  #heldBytes = 0;
  #keptBytes = 0;
  /** What the reader that was replaced had seen. */
  #usageBefore: Usage | null = null;
  #prepared: PreparedSend;
  #call: UpstreamCall | null = null;
  #over = false;
  #delivered = false;
  #failingBody = false;
  /** An earlier part was answered before it was out. */
  #unsent = false;
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
    this.#deadlines = new AttemptDeadlines(this, time, target.timeouts, prepared.stream);
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

  /** What the upstream has reported so far; null = nothing. */
  get usage(): Usage | null {
    return this.reader?.usage ?? this.#usageBefore;
  }

  get stream(): boolean {
    return this.#prepared.stream;
  }

  /** True when every request of this attempt has left this process: nobody looks at its body any more. */
  get sent(): boolean {
    return !this.#unsent && this.#call?.sent === true;
  }

  get connected(): boolean {
    return this.#call?.connected ?? false;
  }

  /** Sends. `softMs`: when the owner wants to hear that it is late; 0 = never. */
  start(softMs: number): void {
    this.#deadlines.begin(softMs, this.startedAt);
    this.#ask();
  }

  /** Readers: this part of the answer is whole; the request's next part goes to the same target, under the same clocks. */
  sendNext(body: readonly Uint8Array[]): void {
    if (this.#over) return;
    this.#deadlines.beginNextPart();
    this.head = null;
    this.#prepared = { ...this.#prepared, body };
    this.#unsent ||= this.#call?.sent !== true;
    this.#ask();
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
      this.#deadlines.takeErrorBody();
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
    this.#deadlines.takeData();
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
    this.#deadlines.takeFirstContent(this.contentAt);
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

  /** Readers: takes memory for what a repair of this answer needs, up to its end; false: there is none. Less than 0: gives it back. */
  readonly keep = (bytes: number): boolean => {
    if (this.#over) return false;
    if (bytes < 0) this.#answers.release(-bytes);
    else if (this.#answers.admit(bytes, this.#keptBytes) !== null) return false;
    this.#keptBytes += bytes;
    return true;
  };

  /** Readers: another content event of a stream. */
  touchContent(): void {
    this.#deadlines.takeContent();
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
    this.#deadlines.clearSoft();
    this.unhold();
    const { createWatcher } = this.#prepared;
    if (createWatcher !== undefined) {
      this.#prepared = { ...this.#prepared, createReader: createWatcher };
      if (this.head !== null && this.reader !== null && !this.#failingBody) {
        this.#usageBefore = this.reader.usage;
        this.reader = createWatcher(this, this.head);
      }
    }
  }

  /** Readers: the answer is whole, but nobody has chosen it yet; `then` runs once it is delivered. */
  completeWhenDelivered(then: () => void): void {
    this.#afterDelivery = then;
    this.#deadlines.rest();
  }

  /** Readers: the finish reason has come; `then` runs when what may follow it has not ended the answer in time. */
  awaitTail(ms: number, then: () => void): void {
    this.#tailEnd = then;
    this.#deadlines.beginTail(ms);
  }

  /** Readers: content came behind a finish reason: another candidate of the same answer goes on. */
  leaveTail(): void {
    if (this.#tailEnd === null) return;
    this.#tailEnd = null;
    this.#deadlines.endTail();
  }

  /** Readers: everything has been delivered. */
  complete(): void {
    if (!this.#finish()) return;
    const call = this.#call;
    if (call?.finish !== undefined) call.finish();
    else call?.abort();
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
    this.#deadlines.pause(this.#delivered);
    this.#call?.pause();
  }

  resume(): void {
    if (this.#over) return;
    this.#deadlines.resume(this.#delivered);
    this.#call?.resume();
  }

  /** Turns a soft deadline into another one, e.g. when it is left to finish beside others; 0 = none. */
  rearmSoft(ms: number): void {
    if (!this.#over && this.contentAt === 0) this.#deadlines.restartSoft(ms);
  }

  onLate(unconnected: boolean): void {
    if (this.#over || this.contentAt !== 0) return;
    this.late = true;
    this.rearmSoft(0);
    this.#owner.onLate(this, unconnected);
    // Where it was only time to hedge, and nothing came of it, the connection is still waited for no longer than that.
    if (this.late) this.#deadlines.clearConnect();
  }

  onDeadline(which: "hard" | "idle" | "tail"): void {
    const { timeouts } = this.target;
    if (which === "tail") this.#tailEnd?.();
    else if (which === "idle") this.fail(idleTrouble(timeouts));
    else if (this.#failingBody) this.reader?.end(false);
    else {
      this.fail(
        hardTrouble(timeouts, {
          stream: this.#prepared.stream,
          content: this.contentAt !== 0,
          afterHead: this.head !== null,
        }),
      );
    }
  }

  #ask(): void {
    const { provider, timeouts } = this.target;
    const deadlines: UpstreamDeadlines = { connect: timeouts.connect, firstByte: 0, idle: 0, total: 0 };
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

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.endedAt = this.#time.clock.now();
    this.#deadlines.stop();
    this.#tailEnd = null;
    this.#inflate?.destroy();
    this.unhold();
    this.#answers.release(this.#keptBytes);
    this.#keptBytes = 0;
    return true;
  }
}
