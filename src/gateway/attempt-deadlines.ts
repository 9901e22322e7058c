/** The deadlines of one attempt, all on one timer: moving one back, as every piece of an answer does, touches no timer. */
import type { Time, Timer, TimerTarget } from "../base/clock.ts";
import { CONNECT_LATE } from "../routing/late.ts";
import type { Timeouts } from "./target.ts";

export interface DeadlineOwner {
  readonly connected: boolean;
  /** No content by the soft deadline, or (`unconnected`) no connection in time. */
  onLate(unconnected: boolean): void;
  /** `hard`: no content, or no whole answer, in time; `idle`: silence inside it; `tail`: nothing more behind its finish reason. */
  onDeadline(which: "hard" | "idle" | "tail"): void;
}

const NEVER = Number.POSITIVE_INFINITY;
/** An error body is worth waiting for, but not for long. */
const ERROR_BODY_MS = 5000;

const SOFT = 0;
const CONNECT = 1;
const HARD = 2;
const TAIL = 3;
const IDLE = 4;

/** What every piece of an answer touches stands first, and together: of a thousand streams, each is out of the cache. */
export class AttemptDeadlines implements TimerTarget {
  readonly #time: Time;
  /** The idle deadline is so long after the last piece; it is worked out when the timer fires. */
  #idleRuns = false;
  /** Likewise the hard one, after the last content. */
  #contentRuns = false;
  /** When the piece that is being read came. */
  dataAt = 0;
  #contentAt = 0;
  readonly #owner: DeadlineOwner;
  readonly #timeouts: Timeouts;
  readonly #stream: boolean;
  /** Those that do not move, by kind, monotonic milliseconds. */
  readonly #at = [NEVER, NEVER, NEVER, NEVER];
  #timer: Timer | null = null;
  /** When the timer fires: at the earliest deadline, or before it. */
  #firesAt = NEVER;
  #paused = false;
  /** Silence is watched: from a stream's first content, from the first byte of a whole answer. */
  #watchesIdle = false;
  #failing = false;

  constructor(owner: DeadlineOwner, time: Time, timeouts: Timeouts, stream: boolean) {
    this.#owner = owner;
    this.#time = time;
    this.#timeouts = timeouts;
    this.#stream = stream;
  }

  /** `softMs` from `now` on it is late; 0 = never. */
  begin(softMs: number, now: number): void {
    const { firstTokenMax, answer, idle } = this.#timeouts;
    if (softMs > 0) {
      this.#set(SOFT, softMs, now);
      if (this.#stream || softMs > CONNECT_LATE) this.#set(CONNECT, CONNECT_LATE, now);
    }
    // Silence is watched later on, and mostly ends first: the timer need not be moved for it then.
    if (idle > 0) this.#fireBy(now + idle, now);
    this.#set(HARD, this.#stream ? firstTokenMax : answer, now);
  }

  /** The next part of the request is sent under the same deadlines. */
  beginNextPart(): void {
    this.#watchesIdle = false;
    this.#idleRuns = false;
  }

  /** What comes is an error body. */
  takeErrorBody(): void {
    this.#failing = true;
    this.#contentRuns = false;
    this.#set(HARD, ERROR_BODY_MS, this.#now());
  }

  /** A piece of the answer has come. */
  takeData(): void {
    this.dataAt = this.#now();
    if (this.#idleRuns) return;
    if (this.#watchesIdle) this.#runIdle();
    // A whole answer that has begun to arrive must go on arriving; a stream's silence before content has its own deadline.
    else if (!this.#stream && !this.#failing) this.#watchIdle();
  }

  takeFirstContent(now: number): void {
    this.#at[SOFT] = NEVER;
    this.#at[CONNECT] = NEVER;
    this.dataAt = now;
    if (this.#stream) this.#runContent(now);
    if (!this.#watchesIdle) this.#watchIdle();
  }

  /** Another content event of a stream. */
  takeContent(): void {
    if (this.#contentRuns) this.#contentAt = this.dataAt;
    else if (this.#timeouts.contentIdle > 0 && !this.#paused && this.#at[TAIL] === NEVER)
      this.#runContent(this.dataAt);
  }

  /** Nothing more is asked of the upstream's speed. */
  rest(): void {
    this.#at[HARD] = NEVER;
    this.#contentRuns = false;
    this.#idleRuns = false;
  }

  /** Nobody is told that it is late. */
  clearSoft(): void {
    this.#at[SOFT] = NEVER;
    this.#at[CONNECT] = NEVER;
  }

  /** The connection is there, or it is known that it is not. */
  clearConnect(): void {
    this.#at[CONNECT] = NEVER;
  }

  restartSoft(ms: number): void {
    this.#set(SOFT, ms, this.#now());
  }

  /** The finish reason has come: only so long is waited for the rest. */
  beginTail(ms: number): void {
    this.rest();
    this.#set(TAIL, ms, this.#now());
  }

  endTail(): void {
    this.#at[TAIL] = NEVER;
    this.#runContent(this.#now());
    this.#runIdle();
  }

  /** The caller takes nothing: the upstream is not to blame. `delivered`: the content that is missing is the caller's. */
  pause(delivered: boolean): void {
    this.#paused = true;
    this.#idleRuns = false;
    if (!delivered) return;
    this.#at[HARD] = NEVER;
    this.#contentRuns = false;
  }

  resume(delivered: boolean): void {
    this.#paused = false;
    this.dataAt = this.#now();
    if (this.#watchesIdle) this.#runIdle();
    if (delivered) this.takeContent();
  }

  stop(): void {
    for (let which = SOFT; which <= TAIL; which++) this.#at[which] = NEVER;
    this.#contentRuns = false;
    this.#idleRuns = false;
    this.#firesAt = NEVER;
    this.#timer?.cancel();
  }

  #now(): number {
    return this.#time.clock.now();
  }

  #watchIdle(): void {
    this.#watchesIdle = true;
    this.#runIdle();
  }

  #runIdle(): void {
    const { idle } = this.#timeouts;
    if (idle === 0 || this.#failing || this.#paused || this.#at[TAIL] !== NEVER) return;
    this.#idleRuns = true;
    this.#fireBy(this.dataAt + idle, this.dataAt);
  }

  #runContent(now: number): void {
    const { contentIdle } = this.#timeouts;
    this.#at[HARD] = NEVER;
    this.#contentRuns = contentIdle > 0;
    this.#contentAt = now;
    if (contentIdle > 0) this.#fireBy(now + contentIdle, now);
  }

  /** `ms` from `now`; 0 = none. */
  #set(which: number, ms: number, now: number): void {
    const at = ms > 0 ? now + ms : NEVER;
    this.#at[which] = at;
    this.#fireBy(at, now);
  }

  #fireBy(at: number, now: number): void {
    if (at >= this.#firesAt) return;
    this.#firesAt = at;
    const ms = at - now;
    if (this.#timer === null) this.#timer = this.#time.timers.start(ms, this, now);
    else this.#timer.restart(ms, now);
  }

  /** Those that have passed, in the order of their times; then the timer is set for the next one. */
  onTimer(): void {
    this.#firesAt = NEVER;
    const now = this.#now();
    for (;;) {
      const which = this.#earliest();
      const at = this.#deadline(which);
      if (at > now) {
        this.#fireBy(at, now);
        return;
      }
      this.#end(which);
      this.#pass(which);
    }
  }

  #deadline(which: number): number {
    if (which === IDLE) return this.#idleRuns ? this.dataAt + this.#timeouts.idle : NEVER;
    if (which === HARD && this.#contentRuns) return this.#contentAt + this.#timeouts.contentIdle;
    return this.#at[which] ?? NEVER;
  }

  #end(which: number): void {
    if (which === IDLE) this.#idleRuns = false;
    else this.#at[which] = NEVER;
    if (which === HARD) this.#contentRuns = false;
  }

  #pass(which: number): void {
    const owner = this.#owner;
    if (which === SOFT) owner.onLate(false);
    else if (which === CONNECT) {
      if (!owner.connected) owner.onLate(true);
    } else owner.onDeadline(which === HARD ? "hard" : which === IDLE ? "idle" : "tail");
  }

  #earliest(): number {
    let first = SOFT;
    for (let which = CONNECT; which <= IDLE; which++)
      if (this.#deadline(which) < this.#deadline(first)) first = which;
    return first;
  }
}
