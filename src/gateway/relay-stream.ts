/** A stream relayed in its own protocol: events pass byte for byte, held until the first content, watched but not parsed. */
import { type EventSink, EventSplitter } from "../base/sse.ts";
import type { KnownEvents } from "../protocols/known-events.ts";
import type { Usage } from "../protocols/neutral.ts";
import {
  type ChatProtocol,
  CONTENT,
  ERROR,
  FINISH,
  MALFORMED,
  PING,
  REASONING,
  type StreamInspector,
  TERMINAL,
  TOOL_CALL,
  USAGE_ONLY,
} from "../protocols/protocol.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
import type { Delivery } from "./delivery.ts";
import { createModelRewriter } from "./model-rewriter.ts";
import { judgeEnd } from "./stream-end.ts";
import { trouble } from "./trouble.ts";

export interface RelayOptions {
  readonly framing: "sse" | "ndjson" | "json-array";
  readonly inspector: StreamInspector;
  /** The caller asked for the usage chunk itself. */
  readonly showUsage: boolean;
  /** Put in place of the upstream's model name; "" = as it is. */
  readonly echoModel: string;
  /** What ends such a stream when the upstream forgot it. */
  readonly terminator: string;
  /** Sends the head of the answer. */
  readonly start: (to: Delivery) => void;
  /** Nobody will get it: nothing is held for a delivery. */
  readonly unheld?: boolean;
  /** Called with this stream once it is delivered: what a continuation needs. */
  readonly onDelivered: (stream: RelayedStream) => void;
}

/** What is known of a relayed stream when it breaks. */
export interface RelayedStream {
  readonly inspector: StreamInspector;
  readonly sawToolCall: boolean;
  readonly sawText: boolean;
}

/** Lifecycle events held before the first content; an upstream that sends more is not telling anything. */
const MAX_HELD_BYTES = 256 * 1024;
export const MEMORY_FULL = "the memory for held answers is full";
/** After the finish reason so long is waited for usage and the sentinel (30-routing.md). */
const TAIL_MS = 2000;

export class RelayStream implements AnswerReader, EventSink, RelayedStream {
  readonly inspector: StreamInspector;
  sawToolCall = false;
  sawText = false;
  malformed = 0;

  readonly #attempt: Attempt;
  /** null once delivered: what it holds of the request is let go of. */
  #options: RelayOptions | null;
  readonly #framing: RelayOptions["framing"];
  readonly #showUsage: boolean;
  readonly #terminator: string;
  readonly #splitter: EventSplitter;
  readonly #known: KnownEvents | null;
  readonly #rewrite: ((event: Buffer) => Buffer) | null;
  #held: Buffer[] | null = null;
  #heldBytes = 0;
  #delivery: Delivery | null = null;
  #events = 0;
  #content = false;
  #finish = false;
  #terminal = false;
  /** A piece is read that has just come. */
  #reading = false;
  /** Neighbouring events of one piece that go out in one write. */
  #run: Buffer | null = null;
  #runStart = 0;
  #runEnd = 0;

  constructor(attempt: Attempt, options: RelayOptions) {
    this.#attempt = attempt;
    this.#options = options;
    this.#framing = options.framing;
    this.#showUsage = options.showUsage;
    this.#terminator = options.terminator;
    this.inspector = options.inspector;
    this.#known = options.inspector.known ?? null;
    this.#splitter = new EventSplitter(options.framing);
    this.#rewrite = options.echoModel === "" ? null : createModelRewriter(options.echoModel);
  }

  get usage(): Usage | null {
    return this.inspector.usage;
  }

  data(chunk: Buffer): void {
    this.#read(chunk, 0, chunk.length);
  }

  bytes(bytes: Buffer, start: number, end: number): void {
    this.#reading = true;
    this.#read(bytes, start, end);
    this.#reading = false;
  }

  #read(bytes: Buffer, start: number, end: number): void {
    const result = this.#splitter.push(bytes, this, start, end);
    this.#flushRun();
    if (result === "too_large") {
      this.#attempt.fail(trouble("too_large", "one event is larger than 8 MiB", { afterHead: true }));
    } else if (this.#terminal && !this.#attempt.over) {
      this.#complete();
    }
  }

  /** One whole event. */
  onEvent(buffer: Buffer, start: number, end: number): boolean {
    return this.#take(this.inspector.inspect(buffer, start, end), buffer, start, end);
  }

  onKnown(buffer: Buffer, start: number, limit: number): number {
    const known = this.#known;
    const end = known === null ? -1 : known.match(buffer, start, limit);
    if (known === null || end < 0) return -1;
    return this.#take(known.accept(buffer), buffer, start, end) ? end : -2;
  }

  #take(flags: number, buffer: Buffer, start: number, end: number): boolean {
    if ((flags & ERROR) !== 0) {
      this.#flushRun();
      const error = this.inspector.error;
      const message = error?.message ?? "the upstream reported an error inside its stream";
      this.#attempt.fail(trouble("error_inside", message, { error, afterHead: true }));
      return false;
    }
    if ((flags & MALFORMED) !== 0) {
      this.malformed++;
      return true;
    }
    this.#events++;
    if ((flags & FINISH) !== 0 && !this.#finish) {
      this.#finish = true;
      this.#attempt.awaitTail(TAIL_MS, () => this.#complete());
    }
    if ((flags & TERMINAL) !== 0) this.#terminal = true;
    if ((flags & TOOL_CALL) !== 0) this.sawToolCall = true;
    if ((flags & CONTENT) !== 0) {
      if ((flags & (REASONING | TOOL_CALL)) === 0) this.sawText = true;
      // A last event may hold content and the finish reason at once.
      if (this.#finish && (flags & FINISH) === 0) {
        this.#finish = false;
        this.#attempt.leaveTail();
      }
      this.#onContentEvent();
      if (this.#attempt.over) return false;
    }
    if ((flags & USAGE_ONLY) !== 0 && !this.#showUsage) return true;
    if (this.#delivery === null) return this.#hold(buffer, start, end, flags);
    this.#extendRun(buffer, start, end);
    // What stands behind the last event is no part of the answer.
    return !this.#terminal;
  }

  end(_clean: boolean): void {
    const rest = this.#splitter.finish(this);
    // Servers forget the last blank line: a whole event is still one.
    if (rest.length > 0 && !this.#attempt.over && this.#looksWhole(rest)) {
      const ended = this.#framing === "sse" ? Buffer.concat([rest, NEWLINES]) : rest;
      this.onEvent(ended, 0, ended.length);
    }
    this.#flushRun();
    if (this.#attempt.over) return;
    const verdict = judgeEnd({
      events: this.#events,
      content: this.#content,
      finish: this.#finish,
      terminal: this.#terminal,
      leftover: rest.length,
    });
    if (verdict === null) this.#complete();
    else this.#attempt.fail(verdict);
  }

  deliver(to: Delivery): void {
    this.#delivery = to;
    const options = this.#options;
    this.#options = null;
    options?.onDelivered(this);
    options?.start(to);
    for (const event of this.#held ?? []) this.#send(event, 0, event.length);
    this.#held = null;
    this.#attempt.memory.unhold();
  }

  #onContentEvent(): void {
    if (this.#content) {
      this.#attempt.touchContent();
      return;
    }
    this.#content = true;
    this.#attempt.reachContent();
  }

  #hold(buffer: Buffer, start: number, end: number, flags: number): boolean {
    // Signs of life are not held: the caller gets those of the gateway.
    if ((flags & PING) !== 0 || this.#options?.unheld === true) return true;
    this.#heldBytes += end - start;
    if (!this.#content && this.#heldBytes > MAX_HELD_BYTES) {
      this.#attempt.fail(trouble("empty", "only lifecycle events, no content", { afterHead: true }));
      return false;
    }
    if (!this.#content && !this.#attempt.memory.hold(end - start)) {
      this.#attempt.fail(trouble("too_large", MEMORY_FULL, { afterHead: true }));
      return false;
    }
    const event = Buffer.from(buffer.subarray(start, end));
    if (this.#held === null) this.#held = [event];
    else this.#held.push(event);
    return true;
  }

  #complete(): void {
    if (this.#attempt.over) return;
    // A regular end without content (an empty answer with a finish reason) is shown like content.
    if (!this.#content) {
      if (!this.#finish) {
        this.#attempt.fail(trouble("empty", "the stream ended without content", { afterHead: true }));
        return;
      }
      this.#content = true;
      this.#attempt.reachContent();
    }
    const to = this.#delivery;
    if (to === null) {
      this.#attempt.completeWhenDelivered(() => this.#complete());
      return;
    }
    this.#flushRun();
    if (!this.#terminal) to.writeText(this.#terminator);
    to.end();
    this.#attempt.complete();
  }

  #looksWhole(rest: Buffer): boolean {
    const text = rest.toString("utf8").trim();
    const data = text.startsWith("data:")
      ? text.slice(5).trim()
      : text.slice(text.lastIndexOf("\ndata:") + 6).trim();
    if (data === "[DONE]") return true;
    try {
      JSON.parse(this.#framing === "sse" ? data : text);
      return true;
    } catch {
      return false; // cut inside the event
    }
  }

  #extendRun(buffer: Buffer, start: number, end: number): void {
    if (this.#run === buffer && this.#runEnd === start) {
      this.#runEnd = end;
      return;
    }
    this.#flushRun();
    if (this.#splitter.reuses(buffer)) {
      this.#send(buffer, start, end);
      return;
    }
    this.#run = buffer;
    this.#runStart = start;
    this.#runEnd = end;
  }

  #flushRun(): void {
    const run = this.#run;
    if (run === null) return;
    this.#run = null;
    this.#send(run, this.#runStart, this.#runEnd);
  }

  #send(bytes: Buffer, start: number, end: number): void {
    const now = this.#reading ? this.#attempt.dataAt : 0;
    if (this.#rewrite === null) this.#delivery?.writeBytes(bytes, start, end, now);
    else this.#delivery?.write(this.#rewrite(bytes.subarray(start, end)));
  }
}

const NEWLINES = Buffer.from("\n\n");

/** The terminator a protocol's stream ends with; "" when its end is the end of the body. */
export function terminatorOf(protocol: ChatProtocol["name"]): string {
  if (protocol === "openai-chat") return "data: [DONE]\n\n";
  if (protocol === "anthropic") return 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
  return "";
}
