/** The real `Timers`: a 50 ms wheel over one system timer, so that a deadline per request or per chunk costs next to nothing. */
import type { Clock, OnTimer, Timer, Timers } from "./clock.ts";

const TICK_MS = 50;
/** 25.6 s for one turn; longer deadlines are looked at once a turn and put back. */
const SLOTS = 512;

/** The one timer of the system below the wheel; tests put a fake one in its place. */
export interface SystemTimer {
  /** Calls `fire` once after `delayMs`; replaces what was set before. */
  set(delayMs: number, fire: () => void): void;
  clear(): void;
  /** Whether the timer keeps the process alive. */
  hold(alive: boolean): void;
}

export interface TimerWheel extends Timers {
  /** Timers that are running, for the leak hunt. */
  readonly size: number;
}

/** A timer fires at its deadline or up to 50 ms later, never earlier. A callback that throws is the process's uncaught exception. */
export function createTimerWheel(clock: Clock, system: SystemTimer = nodeTimer()): TimerWheel {
  return new Wheel(clock, system);
}

function nodeTimer(): SystemTimer {
  let handle: NodeJS.Timeout | null = null;
  return {
    set(delayMs, fire) {
      if (handle !== null) clearTimeout(handle);
      handle = setTimeout(fire, delayMs);
    },
    clear() {
      if (handle !== null) clearTimeout(handle);
      handle = null;
    },
    hold(alive) {
      if (alive) handle?.ref();
      else handle?.unref();
    },
  };
}

class Entry implements Timer {
  deadline = 0;
  /** The tick whose slot holds the entry; -1 when it is in none. */
  tick = -1;
  previous: Entry | null = null;
  next: Entry | null = null;
  readonly #wheel: Wheel;
  readonly #onTimer: OnTimer;

  constructor(wheel: Wheel, onTimer: OnTimer) {
    this.#wheel = wheel;
    this.#onTimer = onTimer;
  }

  get active(): boolean {
    return this.tick >= 0;
  }

  restart(delayMs: number, now?: number): void {
    this.#wheel.place(this, delayMs, now);
  }

  fire(): void {
    const onTimer = this.#onTimer;
    if (typeof onTimer === "function") onTimer();
    else onTimer.onTimer();
  }

  cancel(): void {
    if (this.tick >= 0) this.#wheel.remove(this);
  }
}

class Wheel implements TimerWheel {
  size = 0;
  readonly #slots: (Entry | null)[] = new Array<Entry | null>(SLOTS).fill(null);
  readonly #clock: Clock;
  readonly #system: SystemTimer;
  readonly #fire = (): void => this.#turn();
  /** Slots up to this tick are done. */
  #doneTick: number;
  /** The first tick that may take an entry: past the slot that is being emptied. */
  #firstFree: number;
  /** The tick the system timer is set for; -1 when it is not set. */
  #armedTick = -1;

  constructor(clock: Clock, system: SystemTimer) {
    this.#clock = clock;
    this.#system = system;
    this.#doneTick = Math.floor(clock.now() / TICK_MS);
    this.#firstFree = this.#doneTick + 1;
  }

  start(delayMs: number, onTimer: OnTimer, now?: number): Timer {
    const entry = new Entry(this, onTimer);
    this.place(entry, delayMs, now);
    return entry;
  }

  /** An entry whose deadline moves back stays in its slot until that slot comes up: this is what makes restart cheap. */
  place(entry: Entry, delayMs: number, now: number = this.#clock.now()): void {
    entry.deadline = now + Math.max(0, delayMs);
    if (entry.tick >= 0) {
      if (entry.deadline >= entry.tick * TICK_MS - TICK_MS) return;
      this.#unlink(entry);
      this.#link(entry);
      return;
    }
    if (this.size === 0) this.#catchUp(now);
    this.size += 1;
    this.#link(entry);
    if (this.size === 1) this.#system.hold(true);
  }

  remove(entry: Entry): void {
    this.#unlink(entry);
    this.size -= 1;
    if (this.size === 0) this.#system.hold(false);
  }

  /** While the wheel was empty no tick was counted. */
  #catchUp(now: number): void {
    const tick = Math.floor(now / TICK_MS);
    if (tick <= this.#doneTick) return;
    this.#doneTick = tick;
    this.#firstFree = Math.max(this.#firstFree, tick + 1);
  }

  #link(entry: Entry): void {
    const due = Math.ceil(entry.deadline / TICK_MS);
    const tick = Math.min(Math.max(due, this.#firstFree), this.#doneTick + SLOTS - 1);
    const slot = tick % SLOTS;
    const head = this.#slots[slot] ?? null;
    entry.tick = tick;
    entry.next = head;
    entry.previous = null;
    if (head !== null) head.previous = entry;
    this.#slots[slot] = entry;
    if (this.#armedTick < 0 || tick < this.#armedTick) this.#arm(tick);
  }

  #unlink(entry: Entry): void {
    if (entry.previous !== null) entry.previous.next = entry.next;
    else this.#slots[entry.tick % SLOTS] = entry.next;
    if (entry.next !== null) entry.next.previous = entry.previous;
    entry.next = null;
    entry.previous = null;
    entry.tick = -1;
  }

  #arm(tick: number): void {
    this.#armedTick = tick;
    this.#system.set(Math.max(1, Math.ceil(tick * TICK_MS - this.#clock.now())), this.#fire);
  }

  #turn(): void {
    this.#armedTick = -1;
    const reached = Math.floor(this.#clock.now() / TICK_MS);
    const last = Math.min(reached, this.#doneTick + SLOTS);
    try {
      for (let tick = this.#doneTick + 1; tick <= last; tick += 1) {
        this.#firstFree = tick + 1;
        this.#empty(tick % SLOTS);
        this.#doneTick = tick;
      }
      this.#doneTick = Math.max(this.#doneTick, reached);
    } finally {
      this.#firstFree = this.#doneTick + 1;
      this.#armNext();
    }
  }

  #empty(slot: number): void {
    for (let entry = this.#slots[slot] ?? null; entry !== null; entry = this.#slots[slot] ?? null) {
      this.#unlink(entry);
      if (entry.deadline > this.#clock.now()) {
        this.#link(entry);
        continue;
      }
      this.size -= 1;
      entry.fire();
    }
  }

  #armNext(): void {
    if (this.size === 0) {
      this.#system.clear();
      this.#armedTick = -1;
      return;
    }
    for (let tick = this.#doneTick + 1; tick < this.#doneTick + SLOTS; tick += 1) {
      if (this.#slots[tick % SLOTS] === null) continue;
      if (this.#armedTick !== tick) this.#arm(tick);
      return;
    }
  }
}
