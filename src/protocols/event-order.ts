/**
 * Stands before every encoder: makes any sequence of neutral events a legal one (40-protocols 3.5), one part at a time,
 * and gives calls back the names, ids and shapes the caller knows.
 */
import { ArgumentScanner } from "./argument-scanner.ts";
import { AnswerIds, type IdRule } from "./call-ids.ts";
import { InputUnwrapper } from "./input-unwrap.ts";
import type { Signature, Stop, StreamEvent } from "./neutral.ts";
import type { AnswerContext, StreamPosition } from "./protocol.ts";
import { callerTool } from "./tool-names.ts";

export interface OrderOptions {
  /** What call ids the caller's protocol takes. */
  readonly ids: IdRule;
  /** Arguments that are not one JSON value: `pass` them as they are, or `fail` the stream (Anthropic). */
  readonly broken: "pass" | "fail";
}

type Kind = "text" | "thinking" | "refusal" | "call";
type PartEvent = Extract<StreamEvent, { c: number }>;
type PartStart = Extract<StreamEvent, { type: "part" }>;

interface OpenPart {
  readonly source: number;
  readonly kind: Kind;
  /** An old Claude's forced `respond` tool: its arguments are the text. */
  readonly respond: boolean;
  /** Index shown to the encoder; -1 while nothing of it was shown. */
  shown: number;
  closed: boolean;
  start: PartStart | null;
  readonly waiting: StreamEvent[];
  readonly scanner: ArgumentScanner | null;
  readonly unwrapper: InputUnwrapper | null;
}

interface Candidate {
  readonly index: number;
  /** The first is shown as it comes, the others wait for their turn. */
  queue: OpenPart[];
  next: number;
  hasCalls: boolean;
  stopped: boolean;
  /** The part that was open when a relayed stream broke; the first of its kind goes on in it. */
  adopted: Kind | null;
}

/** What may wait behind an unfinished part, in characters. */
const MAX_WAITING = 8 * 1024 * 1024;
const MAX_QUEUE = 1024;
/** OpenAI takes n <= 128. */
const MAX_CANDIDATE = 127;

export class EventOrder {
  readonly #context: AnswerContext;
  readonly #options: OrderOptions;
  readonly #ids: AnswerIds;
  readonly #candidates: Candidate[] = [];
  #started: boolean;
  #over = false;
  #waiting = 0;

  constructor(context: AnswerContext, options: OrderOptions, resume?: StreamPosition) {
    this.#context = context;
    this.#options = options;
    this.#ids = new AnswerIds(context.request.turns, options.ids, context.random);
    this.#started = resume?.started ?? false;
    if (resume !== undefined) {
      const first = this.#candidate(0);
      first.next = resume.open === null ? resume.nextIndex : resume.nextIndex - 1;
      first.adopted = resume.open?.kind ?? null;
    }
  }

  /** Appends what the encoder gets for `event`. */
  push(event: StreamEvent, out: StreamEvent[]): void {
    if (this.#over) return;
    if (event.type === "start") {
      if (!this.#started) out.push({ ...event, created: plausibleDate(event.created) });
      this.#started = true;
      return;
    }
    if (event.type === "error") {
      this.#over = true;
      out.push(event);
      return;
    }
    if (event.type === "ping") {
      if (this.#started) out.push(event);
      return;
    }
    if (event.type === "end") {
      this.#end(out);
      return;
    }
    if (!this.#started) {
      this.#started = true;
      out.push({ type: "start", id: "", model: "", created: 0 });
    }
    if (event.type === "usage") out.push(event);
    else this.#pushToCandidate(event, out);
  }

  #pushToCandidate(event: PartEvent, out: StreamEvent[]): void {
    if (event.c < 0 || event.c > MAX_CANDIDATE) return;
    const candidate = this.#candidate(event.c);
    if (candidate.stopped) return;
    if (candidate.queue.length > MAX_QUEUE) {
      this.#fail("the answer holds too many unfinished parts", out);
      return;
    }
    switch (event.type) {
      case "stop":
        this.#stop(candidate, event.stop, out);
        return;
      case "part":
        this.#open(candidate, event, out);
        return;
      case "close": {
        const part = find(candidate, event.i);
        if (part === undefined) return;
        part.closed = true;
        this.#advance(candidate, false, out);
        return;
      }
      case "logprobs":
        out.push({ ...event, i: Math.max(0, candidate.next - 1) });
        return;
      default:
        this.#delta(candidate, event, out);
    }
  }

  #candidate(index: number): Candidate {
    let candidate = this.#candidates[index];
    if (candidate === undefined) {
      candidate = { index, queue: [], next: 0, hasCalls: false, stopped: false, adopted: null };
      this.#candidates[index] = candidate;
    }
    return candidate;
  }

  #open(candidate: Candidate, event: PartStart, out: StreamEvent[]): void {
    if (event.kind === "image" || event.kind === "opaque") {
      const part = this.#enqueue(candidate, event.i, "text", null, null);
      part.closed = true;
      part.waiting.push(event);
      this.#waiting += event.kind === "image" ? event.data.length : event.raw.length;
      this.#advance(candidate, true, out);
      return;
    }
    if (event.kind !== "call") {
      this.#enqueue(candidate, event.i, event.kind, null, null);
      this.#advance(candidate, true, out);
      return;
    }
    const names = this.#context.names;
    if (names.respondTool && event.name === "respond") {
      this.#enqueue(candidate, event.i, "text", null, null, true);
      this.#advance(candidate, true, out);
      return;
    }
    const tool = callerTool(names, event.name);
    const custom = event.custom || tool.custom === true;
    const unwrapper =
      tool.custom === true && !event.custom
        ? new InputUnwrapper("text")
        : tool.wrapped === true
          ? new InputUnwrapper("raw")
          : null;
    const part = this.#enqueue(candidate, event.i, "call", new ArgumentScanner(), unwrapper);
    const namespace = event.namespace ?? tool.namespace;
    part.start = {
      ...event,
      id: this.#ids.take(event.id),
      name: tool.name,
      custom,
      ...(namespace === undefined ? {} : { namespace }),
    };
    candidate.hasCalls = true;
    this.#advance(candidate, true, out);
    if (candidate.queue[0] === part) this.#show(candidate, part, out);
  }

  #enqueue(
    candidate: Candidate,
    source: number,
    kind: Kind,
    scanner: ArgumentScanner | null,
    unwrapper: InputUnwrapper | null,
    respond = false,
  ): OpenPart {
    const old = find(candidate, source);
    if (old !== undefined) old.closed = true;
    const part: OpenPart = {
      source,
      kind,
      respond,
      shown: -1,
      closed: false,
      start: null,
      waiting: [],
      scanner,
      unwrapper,
    };
    candidate.queue.push(part);
    return part;
  }

  #delta(candidate: Candidate, event: Delta, out: StreamEvent[]): void {
    let part = find(candidate, event.i);
    const kind = kindOfDelta(event);
    // A delta of another kind than its part begins a part of its own.
    const foreign =
      part !== undefined &&
      kind !== null &&
      part.kind !== kind &&
      event.type !== "signature" &&
      event.type !== "cite";
    if (part === undefined || part.closed || foreign) {
      // Data behind a call that ended has no place; text simply begins anew.
      if (kind === null) return;
      part = this.#enqueue(candidate, event.i, kind, null, null);
      this.#advance(candidate, true, out);
    }
    if (candidate.queue[0] === part) {
      this.#write(candidate, part, event, out);
      return;
    }
    part.waiting.push(event);
    this.#waiting += sizeOf(event);
    this.#advance(candidate, true, out);
    if (this.#waiting > MAX_WAITING)
      this.#fail("the answer's parallel parts are too large to be put in order", out);
  }

  /** Shows what is due: the head goes when it is finished, the next takes its place. */
  #advance(candidate: Candidate, another: boolean, out: StreamEvent[]): void {
    for (;;) {
      const head = candidate.queue[0];
      if (head === undefined || this.#over) return;
      this.#flush(candidate, head, out);
      if (this.#over) return;
      const more = candidate.queue.length > 1;
      // A call is finished when its text is complete and another part got data; text when anything else begins.
      const implied = another && more && (head.scanner === null || head.scanner.complete);
      if (!head.closed && !implied) return;
      this.#close(candidate, head, out);
      candidate.queue.shift();
    }
  }

  #flush(candidate: Candidate, part: OpenPart, out: StreamEvent[]): void {
    if (part.kind === "call" && part.shown < 0 && part.start !== null) this.#show(candidate, part, out);
    if (part.waiting.length === 0) return;
    const waiting = part.waiting.splice(0);
    for (const event of waiting) {
      this.#waiting -= sizeOf(event);
      if (event.type === "part") {
        part.shown = candidate.next++;
        out.push({ ...event, i: part.shown });
      } else {
        this.#write(candidate, part, event as Delta, out);
      }
    }
  }

  #write(candidate: Candidate, part: OpenPart, event: Delta, out: StreamEvent[]): void {
    if (this.#over) return;
    if (event.type === "arguments") {
      this.#writeArguments(candidate, part, event.text, out);
      return;
    }
    if (event.type === "signature") {
      this.#writeSignature(candidate, part, event.signature, out);
      return;
    }
    if (part.kind === "call") return;
    if (event.type !== "cite" && event.text === "") return;
    this.#show(candidate, part, out);
    if (event.type === "cite") {
      out.push({ ...event, i: part.shown });
      return;
    }
    const type = part.kind === "thinking" ? "think" : part.kind === "refusal" ? "refusal" : "text";
    out.push({ type, c: event.c, i: part.shown, text: event.text });
  }

  #writeSignature(candidate: Candidate, part: OpenPart, signature: Signature, out: StreamEvent[]): void {
    const c = candidate.index;
    if (part.kind === "text" && part.shown < 0) {
      // A signature on an empty text part (Gemini's last chunk) is carried without an empty text (case 59).
      const i = candidate.next++;
      out.push({ type: "part", c, i, kind: "thinking" });
      out.push({ type: "signature", c, i, signature });
      out.push({ type: "close", c, i });
      return;
    }
    this.#show(candidate, part, out);
    out.push({ type: "signature", c, i: part.shown, signature });
  }

  #writeArguments(candidate: Candidate, part: OpenPart, text: string, out: StreamEvent[]): void {
    const c = candidate.index;
    if (part.scanner === null) {
      if (text === "" || !part.respond) return;
      this.#show(candidate, part, out);
      out.push({ type: "text", c, i: part.shown, text });
      return;
    }
    const custom = part.start?.type === "part" && part.start.kind === "call" && part.start.custom;
    const wasBroken = part.scanner.broken;
    const repaired = custom && part.unwrapper === null ? text : part.scanner.push(text);
    if (!custom && part.scanner.broken && this.#options.broken === "fail") {
      if (!wasBroken) this.#fail("the model's tool call is not valid JSON", out);
      return;
    }
    const kept = this.#options.broken === "fail" ? repaired : text;
    const piece = part.unwrapper === null ? kept : part.unwrapper.push(kept);
    if (piece !== "") out.push({ type: "arguments", c, i: part.shown, text: piece });
  }

  #show(candidate: Candidate, part: OpenPart, out: StreamEvent[]): void {
    if (part.shown >= 0) return;
    const c = candidate.index;
    if (candidate.adopted !== null) {
      const kind = candidate.adopted;
      candidate.adopted = null;
      // A thought that was cut off is not gone on with: it begins afresh in a part of its own (30-routing.md).
      if (kind === "text" && part.kind === "text") {
        part.shown = candidate.next++;
        return;
      }
      out.push({ type: "close", c, i: candidate.next++ });
    }
    part.shown = candidate.next++;
    if (part.start !== null) out.push({ ...part.start, i: part.shown });
    else if (part.kind !== "call") out.push({ type: "part", c, i: part.shown, kind: part.kind });
  }

  #close(candidate: Candidate, part: OpenPart, out: StreamEvent[]): void {
    if (part.unwrapper !== null) {
      const rest = part.unwrapper.flush();
      if (rest !== "") out.push({ type: "arguments", c: candidate.index, i: part.shown, text: rest });
    }
    if (part.shown >= 0) out.push({ type: "close", c: candidate.index, i: part.shown });
  }

  #stop(candidate: Candidate, stop: Stop, out: StreamEvent[]): void {
    const cutShort = stop.reason === "length" || stop.reason === "context_full" || stop.reason === "pause";
    for (const part of candidate.queue) {
      this.#flush(candidate, part, out);
      if (this.#over) return;
      const unfinished = part.scanner !== null && !part.scanner.complete && !part.scanner.empty;
      const custom = part.start?.kind === "call" && part.start.custom;
      if (unfinished && !custom && !cutShort && this.#options.broken === "fail") {
        this.#fail("the model's tool call is not complete JSON", out);
      }
      if (this.#over) return;
      this.#close(candidate, part, out);
    }
    candidate.queue = [];
    if (candidate.adopted !== null) {
      candidate.adopted = null;
      out.push({ type: "close", c: candidate.index, i: candidate.next++ });
    }
    candidate.stopped = true;
    out.push({ type: "stop", c: candidate.index, stop: settleStop(stop, candidate.hasCalls) });
  }

  #end(out: StreamEvent[]): void {
    const stopped = this.#candidates.some((candidate) => candidate?.stopped === true);
    if (!stopped) {
      this.#fail("the stream ended before the answer was complete", out, "truncated");
      return;
    }
    for (const candidate of this.#candidates) {
      if (candidate !== undefined && !candidate.stopped) this.#stop(candidate, { reason: "stop" }, out);
    }
    if (this.#over) return;
    this.#over = true;
    out.push({ type: "end" });
  }

  #fail(message: string, out: StreamEvent[], code = "broken_call"): void {
    if (this.#over) return;
    this.#over = true;
    out.push({
      type: "error",
      error: { status: 502, code, message, param: null, retryAfterMs: null, recognised: true },
    });
  }
}

/** Seconds that a date can be made of; 0 = unknown. An upstream may say anything. */
function plausibleDate(seconds: number): number {
  return seconds > 0 && seconds < 1e11 ? Math.floor(seconds) : 0;
}

type Delta = Extract<
  StreamEvent,
  { type: "text" | "think" | "refusal" | "signature" | "arguments" | "cite" }
>;

function find(candidate: Candidate, source: number): OpenPart | undefined {
  for (let i = candidate.queue.length - 1; i >= 0; i--) {
    const part = candidate.queue[i];
    if (part !== undefined && part.source === source && !part.closed) return part;
  }
  return undefined;
}

function kindOfDelta(event: Delta): Kind | null {
  if (event.type === "arguments") return null;
  if (event.type === "think" || event.type === "signature") return "thinking";
  return event.type === "refusal" ? "refusal" : "text";
}

function sizeOf(event: StreamEvent): number {
  if (event.type === "part")
    return event.kind === "image" ? event.data.length : event.kind === "opaque" ? event.raw.length : 0;
  if (event.type === "signature") return event.signature.value.length;
  return "text" in event ? event.text.length + 64 : 64;
}

/** Whether it was a tool call is told by the calls, not by the vendor's word; a cut by length outranks it (40-protocols 2.1). */
function settleStop(stop: Stop, hasCalls: boolean): Stop {
  if (hasCalls && (stop.reason === "stop" || stop.reason === "stop_sequence")) {
    return { reason: "tool_call" };
  }
  if (!hasCalls && stop.reason === "tool_call") return { ...stop, reason: "stop" };
  return stop;
}
