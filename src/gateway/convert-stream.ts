/** A stream of another protocol: decoded to neutral events, held until the first content, encoded anew for the caller. */
import { type EventSink, EventSplitter, elementStart, parseSseFields, type SseFields } from "../base/sse.ts";
import type { StreamEvent, Usage } from "../protocols/neutral.ts";
import type { StreamDecoder } from "../protocols/protocol.ts";
import { StopFilter } from "../protocols/stop-emulation.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
import type { Delivery } from "./delivery.ts";
import type { EventWriter } from "./event-writer.ts";
import { MEMORY_FULL } from "./relay-stream.ts";
import { judgeEnd } from "./stream-end.ts";
import { trouble } from "./trouble.ts";

export interface ConvertOptions {
  readonly framing: "sse" | "ndjson" | "json-array";
  readonly decoder: StreamDecoder;
  readonly emulatedStop: readonly string[];
  /** Choices that were asked for. */
  readonly candidates: number;
  /** Where the events go once this attempt is chosen. Made then: until that moment others may be chosen. */
  readonly createWriter: (delivery: Delivery) => EventWriter;
}

/** Neutral events held before content; they are lifecycle only. */
const MAX_HELD_EVENTS = 1024;
/** What one of them takes, about. */
const HELD_EVENT_BYTES = 512;
const TAIL_MS = 2000;

export class ConvertStream implements AnswerReader, EventSink {
  usage: Usage | null = null;

  readonly #attempt: Attempt;
  readonly #options: ConvertOptions;
  readonly #splitter: EventSplitter;
  readonly #fields: SseFields = { event: "", data: "", hasData: false };
  readonly #stop: StopFilter | null;
  #decoded: StreamEvent[] = [];
  #events: StreamEvent[] = [];
  #held: StreamEvent[] = [];
  #writer: EventWriter | null = null;
  #delivery: Delivery | null = null;
  #count = 0;
  #content = false;
  #finish = false;
  /** The candidate that finished last. */
  #finished = -1;
  #ended = false;

  constructor(attempt: Attempt, options: ConvertOptions) {
    this.#attempt = attempt;
    this.#options = options;
    this.#splitter = new EventSplitter(options.framing);
    this.#stop =
      options.emulatedStop.length === 0 ? null : new StopFilter(options.emulatedStop, options.candidates);
  }

  data(chunk: Buffer): void {
    const result = this.#splitter.push(chunk, this);
    if (this.#attempt.over) return;
    if (result === "too_large") {
      this.#attempt.fail(trouble("too_large", "one event is larger than 8 MiB", { afterHead: true }));
      return;
    }
    this.#writer?.flush();
    if (this.#ended) this.#complete();
    else if (this.#options.decoder.done === true) this.end();
  }

  onEvent(buffer: Buffer, start: number, end: number): boolean {
    if (this.#options.framing === "sse") {
      if (!parseSseFields(buffer, start, end, this.#fields)) return true;
      this.#options.decoder.decode(this.#fields.data, this.#fields.event, this.#decoded);
    } else {
      const from = this.#options.framing === "json-array" ? elementStart(buffer, start, end) : start;
      const text = buffer.toString("utf8", from, end).trim();
      if (text === "") return true;
      this.#options.decoder.decode(text, "", this.#decoded);
    }
    this.#count++;
    return this.#take();
  }

  end(): void {
    const rest = this.#splitter.finish(this);
    if (this.#attempt.over) return;
    if (rest.length > 0) {
      // Servers forget the last blank line: a whole event is still one, a cut one is told by the decoder's ending.
      const ended = Buffer.concat([rest, Buffer.from("\n\n")]);
      if (isWhole(ended, this.#options.framing, this.#fields)) this.onEvent(ended, 0, ended.length);
    }
    if (this.#attempt.over || this.#ended) {
      if (this.#ended && !this.#attempt.over) this.#complete();
      return;
    }
    this.#wrapUp();
    if (this.#attempt.over) return;
    const cut = this.#ended
      ? null
      : judgeEnd({
          events: this.#count,
          content: this.#content,
          finish: this.#finish,
          terminal: false,
          leftover: rest.length,
        });
    if (cut === null) {
      this.#complete();
      return;
    }
    this.#writer?.flush();
    this.#attempt.fail(cut);
  }

  /** Takes what the decoder still owes; its word that the stream was cut is weighed by `judgeEnd`. */
  #wrapUp(): void {
    this.#options.decoder.finish(this.#decoded);
    const last = this.#decoded.at(-1);
    if (last?.type === "error" && last.error.code === "truncated") this.#decoded.pop();
    this.#take();
  }

  /** Whole answers that came as one body are fed as events. */
  feed(events: readonly StreamEvent[]): void {
    for (const event of events) this.#decoded.push(event);
    this.#count++;
    if (this.#take()) this.#complete();
  }

  deliver(to: Delivery): void {
    this.#delivery = to;
    this.#writer = this.#options.createWriter(to);
    for (const event of this.#held) this.#writer.push(event);
    this.#held = [];
    this.#attempt.memory.unhold();
    this.#writer.flush();
  }

  #take(): boolean {
    let events = this.#decoded;
    if (this.#stop !== null) {
      events = this.#events;
      for (const event of this.#decoded) this.#stop.push(event, events);
    }
    for (const event of events) {
      if (!this.#takeOne(event)) break;
    }
    this.#decoded.length = 0;
    this.#events.length = 0;
    return !this.#attempt.over;
  }

  #takeOne(event: StreamEvent): boolean {
    switch (event.type) {
      case "error":
        this.#writer?.flush();
        this.#attempt.fail(
          trouble("error_inside", event.error.message, { error: event.error, afterHead: true }),
        );
        return false;
      case "usage":
        this.usage = event.usage;
        break;
      case "stop":
        if (event.stop.reason === "broken_call" || event.stop.reason === "failed") {
          const message = event.stop.detail ?? "the upstream gave up on its answer";
          this.#attempt.fail(trouble("error_inside", message, { afterHead: true }));
          return false;
        }
        this.#finished = event.c;
        if (!this.#finish) {
          this.#finish = true;
          this.#attempt.awaitTail(TAIL_MS, () => this.#complete());
        }
        break;
      case "end":
        this.#ended = true;
        return true;
      case "ping":
        return true;
    }
    if (isContent(event)) {
      if (this.#finish && "c" in event && event.c !== this.#finished) {
        this.#finish = false;
        this.#attempt.leaveTail();
      }
      if (this.#content) this.#attempt.touchContent();
      else {
        this.#content = true;
        this.#attempt.reachContent();
        if (this.#attempt.over) return false;
      }
    }
    if (this.#writer !== null) this.#writer.push(event);
    else if (!this.#content && !this.#attempt.memory.hold(HELD_EVENT_BYTES)) {
      this.#attempt.fail(trouble("too_large", MEMORY_FULL, { afterHead: true }));
      return false;
    } else if (this.#held.length < MAX_HELD_EVENTS) this.#held.push(event);
    else if (!this.#content) {
      this.#attempt.fail(trouble("empty", "only lifecycle events, no content", { afterHead: true }));
      return false;
    }
    return true;
  }

  #complete(): void {
    if (this.#attempt.over) return;
    if (!this.#ended && this.#finish) {
      this.#wrapUp();
      if (this.#attempt.over) return;
    }
    if (!this.#finish && !this.#content) {
      this.#attempt.fail(trouble("empty", "the stream ended without content", { afterHead: true }));
      return;
    }
    if (!this.#content) {
      this.#content = true;
      this.#attempt.reachContent();
      if (this.#attempt.over) return;
    }
    if (this.#writer === null) {
      this.#attempt.completeWhenDelivered(() => this.#complete());
      return;
    }
    if (!this.#finish) this.#writer.push({ type: "stop", c: 0, stop: { reason: "stop" } });
    this.#writer.push({ type: "end" });
    this.#writer.flush();
    this.#delivery?.end();
    this.#attempt.complete();
  }
}

/** Every event but the lifecycle (30-routing.md, Before the first content event). */
export function isContent(event: StreamEvent): boolean {
  switch (event.type) {
    case "text":
    case "think":
    case "refusal":
      return event.text !== "";
    case "part":
      return event.kind !== "text" && event.kind !== "thinking" && event.kind !== "refusal";
    case "arguments":
    case "signature":
    case "cite":
      return true;
    default:
      return false;
  }
}

function isWhole(event: Buffer, framing: ConvertOptions["framing"], fields: SseFields): boolean {
  let text = event.toString("utf8").trim();
  if (framing === "sse") {
    if (!parseSseFields(event, 0, event.length, fields)) return false;
    text = fields.data;
  }
  if (text === "[DONE]") return true;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // cut inside the event
  }
}
