/** One send to one target, from the first byte out to the last one in: its owner hears one word about each turn it takes. */
import type { Time } from "../base/clock.ts";
import type { MemoryBudget } from "../limits/memory.ts";
import type { Usage } from "../protocols/neutral.ts";
import type { BodyBytes, ResponseHead, UpstreamFailure, UpstreamHandler } from "../upstream/client.ts";
import { contentEncoding } from "../upstream/head-names.ts";
import { AnswerIntake } from "./answer-intake.ts";
import { AnswerMemory } from "./answer-memory.ts";
import { AttemptDeadlines, type DeadlineOwner } from "./attempt-deadlines.ts";
import { AttemptSend } from "./attempt-send.ts";
import { hardTrouble, idleTrouble } from "./deadline-trouble.ts";
import type { Delivery } from "./delivery.ts";
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
  /** Something threw while the answer was handled: a defect of ours. `onFailed` or `onBroken` follows, if it is not over. */
  onFault(attempt: Attempt, thrown: unknown): void;
}

export class Attempt implements UpstreamHandler, DeadlineOwner {
  readonly target: Target;
  /** 1 for the first send of the request. */
  readonly number: number;
  readonly startedAt: number;
  readonly probe: boolean;
  /** What readers hold of the answer. */
  readonly memory: AnswerMemory;
  headAt = 0;
  contentAt = 0;
  endedAt = 0;
  head: ResponseHead | null = null;
  late = false;
  readonly speaksCallers: boolean;
  readonly stream: boolean;

  #owner: AttemptOwner;
  readonly #time: Time;
  readonly #deadlines: AttemptDeadlines;
  readonly #send: AttemptSend;
  readonly #intake: AnswerIntake;
  #over = false;
  #delivered = false;
  #tailEnd: (() => void) | null = null;
  #afterDelivery: (() => void) | null = null;

  constructor(
    owner: AttemptOwner,
    time: Time,
    answers: MemoryBudget,
    target: Target,
    prepared: PreparedSend,
    number: number,
    probe: boolean,
    now: number,
  ) {
    this.#owner = owner;
    this.#time = time;
    this.#deadlines = new AttemptDeadlines(this, time, target.timeouts, prepared.stream);
    this.#send = new AttemptSend(this, prepared);
    this.#intake = new AnswerIntake(this);
    this.memory = new AnswerMemory(answers);
    this.target = target;
    this.speaksCallers = prepared.speaksCallers === true;
    this.stream = prepared.stream;
    this.number = number;
    this.probe = probe;
    this.startedAt = now;
  }

  get over(): boolean {
    return this.#over;
  }

  /** What the upstream has reported so far; null = nothing. */
  get usage(): Usage | null {
    return this.#intake.usage;
  }

  /** True when every request of this attempt has left this process: nobody looks at its body any more. */
  get sent(): boolean {
    return this.#send.sent;
  }

  get connected(): boolean {
    return this.#send.connected;
  }

  /** When the piece that is being read came. */
  get dataAt(): number {
    return this.#deadlines.dataAt;
  }

  /** Sends. `softMs`: when the owner wants to hear that it is late; 0 = never. */
  start(softMs: number): void {
    this.#deadlines.begin(softMs, this.startedAt);
    this.#send.start();
  }

  /** Readers: this part of the answer is whole; the request's next part goes to the same target, under the same clocks. */
  sendNext(body: BodyBytes): void {
    if (this.#over) return;
    this.#deadlines.beginNextPart();
    this.head = null;
    this.#send.startNext(body);
  }

  onHead(head: ResponseHead): void {
    if (this.#over) return;
    try {
      this.#takeHead(head);
    } catch (thrown) {
      this.fault(thrown);
    }
  }

  #takeHead(head: ResponseHead): void {
    this.head = head;
    this.headAt = this.#time.clock.now();
    this.#owner.onHead(this, head);
    const { prepared } = this.#send;
    if (this.#over || prepared === null) return;
    this.#intake.begin(prepared, head);
    if (this.#intake.failing) this.#deadlines.takeErrorBody();
    const encoding = contentEncoding(head);
    if (encoding !== "") this.#intake.unpack(encoding, () => this.#send.resume());
  }

  onData(chunk: Buffer): void {
    this.onBytes(chunk, 0, chunk.length);
  }

  onBytes(bytes: Buffer, start: number, end: number): void {
    if (this.#over) return;
    this.#deadlines.takeData();
    try {
      if (!this.#intake.data(bytes, start, end)) this.#send.pause();
    } catch (thrown) {
      this.fault(thrown);
    }
  }

  onEnd(clean: boolean): void {
    if (this.#over) return;
    try {
      this.#intake.end(clean);
    } catch (thrown) {
      this.fault(thrown);
    }
  }

  onFail(failure: UpstreamFailure): void {
    const afterHead = this.head !== null;
    // An error answer whose body breaks off is still that error answer.
    if (this.#intake.failing && !this.#over) {
      this.#intake.breakOff();
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

  /** Readers: another content event of a stream. */
  touchContent(): void {
    this.#deadlines.takeContent();
  }

  /** Owner: this attempt's answer is the one the caller gets. */
  deliver(to: Delivery): void {
    if (this.#over || this.#delivered) return;
    this.#delivered = true;
    to.follow(this);
    this.#intake.deliver(to);
    if (this.stream) this.#letGoOfRequest();
    const then = this.#afterDelivery;
    this.#afterDelivery = null;
    then?.();
  }

  /** The body is not sent again: it is let go of as soon as it has been written. */
  releaseBody(): void {
    this.#send.releaseBody();
  }

  /** It runs on for somebody else, and lets go of the request's body. */
  handOver(owner: AttemptOwner): void {
    this.#owner = owner;
    this.releaseBody();
    this.#deadlines.clearSoft();
    this.memory.unhold();
    const { prepared } = this.#send;
    const createReader = prepared?.watcher?.();
    if (prepared === null || createReader === undefined) return;
    const { method, path, headers, body, stream, decodeError } = prepared;
    const { speaksCallers } = this;
    this.#send.prepared = { method, path, headers, body, stream, speaksCallers, decodeError, createReader };
    if (this.head !== null) this.#intake.replaceReader(createReader, this.head);
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
    this.#send.finish();
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
    this.#send.abort();
    if (this.#delivered) this.#owner.onBroken(this, { ...why, afterContent: true });
    else this.#owner.onFailed(this, why);
  }

  /** What throws ends this answer, and neither the requests beside it nor the process; not where it is over: who answers then? */
  fault(thrown: unknown): void {
    if (this.#over) throw thrown;
    this.#owner.onFault(this, thrown);
    this.#tailEnd = null;
    const message = "the gateway could not handle the answer (an internal error)";
    this.fail(trouble("not_its_type", message, { afterHead: this.head !== null }));
  }

  /** Ends it without a word to the owner: lost a race, client gone, drain. */
  cancel(): void {
    if (this.#finish()) this.#send.abort();
  }

  pause(): void {
    this.#deadlines.pause(this.#delivered);
    this.#intake.pause();
    this.#send.pause();
  }

  resume(): void {
    if (this.#over) return;
    this.#deadlines.resume(this.#delivered);
    this.#intake.resume();
    this.#send.resume();
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
    if (which === "tail") this.#endTail();
    else if (which === "idle") this.fail(idleTrouble(timeouts));
    else if (this.#intake.failing) this.#intake.breakOff();
    else {
      this.fail(
        hardTrouble(timeouts, {
          stream: this.stream,
          content: this.contentAt !== 0,
          afterHead: this.head !== null,
        }),
      );
    }
  }

  #endTail(): void {
    try {
      this.#tailEnd?.();
    } catch (thrown) {
      this.fault(thrown);
    }
  }

  /** The caller is getting this stream: what was sent for it and the head of the answer have served. */
  #letGoOfRequest(): void {
    this.#send.letGo();
    if (this.head !== null)
      this.head = this.head.status === 200 ? SERVED : { status: this.head.status, headers: [] };
  }

  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.endedAt = this.#time.clock.now();
    this.#deadlines.stop();
    this.#tailEnd = null;
    this.#intake.close();
    this.memory.close();
    return true;
  }
}

/** The head of nearly every answer that is streamed, without what it said. */
const SERVED: ResponseHead = { status: 200, headers: [] };
