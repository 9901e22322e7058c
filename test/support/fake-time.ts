/** Time that stands still until a test moves it, and dice with a seed: `Time` for unit tests and simulations. */
import type { Clock, OnTimer, Random, Time, Timer, Timers } from "../../src/base/clock.ts";

export interface FakeTimeOptions {
  readonly seed?: number;
  /** Wall clock at the start, milliseconds since 1970. */
  readonly wall?: number;
}

export interface FakeTime extends Time {
  /** Moves time on; timers fire in the order of their deadlines, each at its own moment. */
  advance(ms: number): void;
  /** The same, letting promises and I/O callbacks settle after every timer. */
  run(ms: number): Promise<void>;
  /** Lets the wall clock jump; the monotonic one stays. */
  setWall(ms: number): void;
  /** Timers that are running. */
  readonly pending: number;
}

/** Starts at now = 0 and, unless told otherwise, on 2026-01-01. */
export function fakeTime(options: FakeTimeOptions = {}): FakeTime {
  let now = 0;
  let wallOffset = options.wall ?? Date.UTC(2026, 0, 1);
  const clock: Clock = { now: () => now, wall: () => wallOffset + now };
  const timers = new FakeTimers(clock);

  function step(until: number): boolean {
    const entry = timers.next(until);
    if (entry === null) {
      now = until;
      return false;
    }
    now = Math.max(now, entry.deadline);
    entry.fire();
    return true;
  }

  return {
    clock,
    random: seededRandom(options.seed ?? 1),
    timers,
    advance(ms) {
      const until = now + ms;
      while (step(until));
    },
    async run(ms) {
      const until = now + ms;
      await settle();
      while (step(until)) await settle();
      await settle();
    },
    setWall(ms) {
      wallOffset = ms - now;
    },
    get pending() {
      return timers.running.size;
    },
  };
}

/** mulberry32: small, fast, the same on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = state;
      mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    },
  };
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

class FakeTimer implements Timer {
  deadline = 0;
  order = 0;
  /** Position in the heap; -1 when the timer is not running. */
  place = -1;
  readonly #timers: FakeTimers;
  readonly #onTimer: OnTimer;

  constructor(timers: FakeTimers, onTimer: OnTimer) {
    this.#timers = timers;
    this.#onTimer = onTimer;
  }

  get active(): boolean {
    return this.place >= 0;
  }

  restart(delayMs: number): void {
    this.#timers.running.remove(this);
    this.deadline = this.#timers.clock.now() + Math.max(0, delayMs);
    this.order = this.#timers.order++;
    this.#timers.running.add(this);
  }

  cancel(): void {
    this.#timers.running.remove(this);
  }

  fire(): void {
    this.#timers.running.remove(this);
    const onTimer = this.#onTimer;
    if (typeof onTimer === "function") onTimer();
    else onTimer.onTimer();
  }
}

class FakeTimers implements Timers {
  readonly running = new TimerHeap();
  order = 0;
  readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  start(delayMs: number, onTimer: OnTimer): Timer {
    const timer = new FakeTimer(this, onTimer);
    timer.restart(delayMs);
    return timer;
  }

  next(until: number): FakeTimer | null {
    const first = this.running.first;
    return first !== null && first.deadline <= until ? first : null;
  }
}

/** A binary heap by deadline, then by order of starting. */
class TimerHeap {
  readonly #heap: FakeTimer[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get first(): FakeTimer | null {
    return this.#heap[0] ?? null;
  }

  add(timer: FakeTimer): void {
    this.#put(timer, this.#heap.length);
    this.#up(timer);
  }

  remove(timer: FakeTimer): void {
    const place = timer.place;
    if (place < 0) return;
    timer.place = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === timer) return;
    this.#put(last, place);
    this.#up(last);
    this.#down(last);
  }

  #put(timer: FakeTimer, place: number): void {
    this.#heap[place] = timer;
    timer.place = place;
  }

  #up(timer: FakeTimer): void {
    while (timer.place > 0) {
      const place = timer.place;
      const parent = this.#heap[(place - 1) >> 1];
      if (parent === undefined || !before(timer, parent)) return;
      const above = parent.place;
      this.#put(parent, place);
      this.#put(timer, above);
    }
  }

  #down(timer: FakeTimer): void {
    for (;;) {
      const place = timer.place;
      const left = this.#heap[2 * place + 1];
      const right = this.#heap[2 * place + 2];
      if (left === undefined) return;
      const child = right !== undefined && before(right, left) ? right : left;
      if (!before(child, timer)) return;
      const below = child.place;
      this.#put(child, place);
      this.#put(timer, below);
    }
  }
}

function before(a: FakeTimer, b: FakeTimer): boolean {
  return a.deadline < b.deadline || (a.deadline === b.deadline && a.order < b.order);
}
