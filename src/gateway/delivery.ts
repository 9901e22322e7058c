/** The caller's side of an answer: head, bytes with backpressure, signs of life, and exactly one end. */
import type { Time, Timer, TimerTarget } from "../base/clock.ts";
import type { HeaderList } from "../base/headers.ts";
import { formatTimes, type ServerTimes } from "../base/server-timing.ts";
import type { Exchange, ExchangeListener } from "../http/exchange.ts";

/** What feeds the answer and can be told to wait. */
export interface Source {
  pause(): void;
  resume(): void;
}

/** A sign of life this often while a stream's caller waits (30-routing.md, Before the first content event). */
const KEEP_ALIVE_MS = 15_000;

export interface DeliveryOwner {
  /** The client is gone before the answer's end. */
  onGone(): void;
}

/** What a stream says before its content, and where it is silent. */
export interface StreamVoice {
  streamHead(): HeaderList;
  /** A sign of life that is legal now; "" = there is none. */
  ping(): string;
}

/** One per request. After `respond`, `end` or `cut` nothing more is sent, whatever is called. */
export class Delivery implements ExchangeListener, TimerTarget {
  readonly #exchange: Exchange;
  #done = false;
  bytesOut = 0;
  /** When something was last written. */
  #wroteAt = 0;
  readonly #time: Time;
  readonly #owner: DeliveryOwner;
  #source: Source | null = null;
  #blocked = false;
  /** Until the head is out it commits the stream, then it gives signs of life. */
  #timer: Timer | null = null;
  #voice: StreamVoice | null = null;
  /** The status sent; 0 = none yet. */
  status = 0;
  gone = false;

  constructor(exchange: Exchange, time: Time, owner: DeliveryOwner) {
    this.#exchange = exchange;
    this.#time = time;
    this.#owner = owner;
    exchange.listen(this);
  }

  get started(): boolean {
    return this.status !== 0;
  }

  get done(): boolean {
    return this.#done;
  }

  /** The attempt whose answer this is; a blocked reader pauses it. */
  follow(source: Source): void {
    this.#source = source;
    if (this.#blocked) source.pause();
  }

  unfollow(): void {
    this.#source = null;
  }

  /** After `ms` without a status, the stream's head goes out and pings keep the caller waiting. 0 = never. */
  commitAfter(ms: number, voice: StreamVoice): void {
    this.#voice = voice;
    if (ms > 0) this.#startTimer(ms);
  }

  respond(status: number, headers: HeaderList, body: Uint8Array | string): void {
    if (this.#done || this.started) return;
    this.status = status;
    this.#finish();
    this.bytesOut += typeof body === "string" ? Buffer.byteLength(body) : body.length;
    this.#exchange.respond(status, headers, body);
  }

  /** `respond` with a `server-timing`, without its text where the engine needs none. */
  respondTimed(status: number, headers: HeaderList, body: Uint8Array, times: ServerTimes): void {
    const exchange = this.#exchange;
    if (exchange.respondTimed === undefined) {
      this.respond(status, [...headers, "server-timing", formatTimes(times)], body);
      return;
    }
    if (this.#done || this.started) return;
    this.status = status;
    this.#finish();
    this.bytesOut += body.length;
    exchange.respondTimed(status, headers, body, times);
  }

  /** Begins a streamed answer. Does nothing when it has begun (committed before content). */
  start(status: number, headers: HeaderList): void {
    if (this.#done || this.started) return;
    this.status = status;
    this.#exchange.start(status, headers);
    if (this.#voice === null) return;
    this.#wroteAt = this.#time.clock.now();
    this.#startTimer(KEEP_ALIVE_MS);
  }

  /** The chunk may be reused after the call. */
  write(chunk: Uint8Array): void {
    if (this.#done || chunk.length === 0) return;
    this.bytesOut += chunk.length;
    if (this.#timer !== null) this.#wroteAt = this.#time.clock.now();
    if (!this.#exchange.write(chunk)) this.#block();
  }

  /** `write` of [start, end), without a view where the engine needs none. `now`: what the clock has just said; 0 = not asked. */
  writeBytes(bytes: Buffer, start: number, end: number, now: number): void {
    const exchange = this.#exchange;
    if (exchange.writeBytes === undefined) {
      this.write(bytes.subarray(start, end));
      return;
    }
    if (this.#done || start === end) return;
    this.bytesOut += end - start;
    this.#wroteAt = now > 0 ? now : this.#time.clock.now();
    if (!exchange.writeBytes(bytes, start, end)) this.#block();
  }

  #block(): void {
    if (this.#blocked) return;
    this.#blocked = true;
    this.#source?.pause();
  }

  writeText(text: string): void {
    if (text !== "") this.write(Buffer.from(text, "utf8"));
  }

  end(): void {
    if (this.#done) return;
    this.#finish();
    this.#exchange.end();
  }

  /** Ends so that the caller can tell that the answer is not whole. */
  cut(): void {
    if (this.#done) return;
    this.#finish();
    this.#exchange.destroy();
  }

  onAbort(): void {
    if (this.#done) return;
    this.gone = true;
    this.#finish();
    this.#owner.onGone();
  }

  onDrain(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#source?.resume();
  }

  #startTimer(ms: number): void {
    if (this.#timer === null) this.#timer = this.#time.timers.start(ms, this);
    else this.#timer.restart(ms);
  }

  onTimer(): void {
    const voice = this.#voice;
    if (this.#done || voice === null) return;
    if (this.started) {
      const rest = this.#wroteAt + KEEP_ALIVE_MS - this.#time.clock.now();
      if (rest > 0) {
        this.#startTimer(rest);
        return;
      }
    } else {
      this.start(200, voice.streamHead());
    }
    // A reader that does not take what is there needs no sign of life.
    const text = this.#blocked ? "" : voice.ping();
    if (text !== "") {
      const bytes = Buffer.from(text, "utf8");
      this.bytesOut += bytes.length;
      if (!this.#exchange.write(bytes)) this.#block();
    }
    this.#wroteAt = this.#time.clock.now();
    this.#startTimer(KEEP_ALIVE_MS);
  }

  #finish(): void {
    this.#done = true;
    this.#timer?.cancel();
    this.#source = null;
  }
}
