/** Puts the events of one candidate in order: one part at a time, calls with the names and shapes the caller knows. */
import type { Signature, Stop, StreamEvent } from "./neutral.ts";
import type { OrderRun } from "./order-run.ts";
import {
  kindOfDelta,
  type OrderedPart,
  type PartDelta,
  type PartEvent,
  type PartKind,
  type PartStart,
  partOf,
  plainPart,
  sizeOf,
} from "./ordered-part.ts";
import type { StreamPosition } from "./protocol.ts";
import { settleStop } from "./settled-stop.ts";

const MAX_QUEUE = 1024;
/** Arguments of one call: some callers get it whole, and it is kept until then. */
const MAX_ARGUMENTS = 32 * 1024 * 1024;

export class CandidateOrder {
  readonly #run: OrderRun;
  readonly #index: number;
  /** The first is shown as it comes, the others wait for their turn. */
  #queue: OrderedPart[] = [];
  #hasCalls = false;
  /** The part that was open when a relayed stream broke; the first of its kind goes on in it. */
  #adopted: PartKind | null = null;
  /** The next part's index. */
  next = 0;
  stopped = false;

  constructor(run: OrderRun, index: number) {
    this.#run = run;
    this.#index = index;
  }

  /** Goes on where a relayed stream stopped. */
  resume(position: StreamPosition): void {
    this.next = position.open === null ? position.nextIndex : position.nextIndex - 1;
    this.#adopted = position.open?.kind ?? null;
  }

  push(event: PartEvent, out: StreamEvent[]): void {
    if (this.stopped) return;
    if (this.#queue.length > MAX_QUEUE) {
      this.#run.fail("the answer holds too many unfinished parts", out);
      return;
    }
    switch (event.type) {
      case "stop":
        this.stop(event.stop, out);
        return;
      case "part":
        this.#open(event, out);
        return;
      case "close": {
        const part = this.#find(event.i);
        if (part === undefined) return;
        part.closed = true;
        this.#advance(false, out);
        return;
      }
      case "logprobs":
        out.push({ ...event, i: Math.max(0, this.next - 1) });
        return;
      default:
        this.#delta(event, out);
    }
  }

  stop(stop: Stop, out: StreamEvent[]): void {
    const cutShort = stop.reason === "length" || stop.reason === "context_full" || stop.reason === "pause";
    for (const part of this.#queue) {
      this.#flush(part, out);
      if (this.#run.over) return;
      const unfinished = part.scanner !== null && !part.scanner.complete && !part.scanner.empty;
      const custom = part.start?.kind === "call" && part.start.custom;
      if (unfinished && !custom && !cutShort && this.#run.options.broken === "fail") {
        this.#run.fail("the model's tool call is not complete JSON", out);
      }
      if (this.#run.over) return;
      this.#close(part, out);
    }
    this.#queue = [];
    if (this.#adopted !== null) {
      this.#adopted = null;
      out.push({ type: "close", c: this.#index, i: this.next++ });
    }
    this.stopped = true;
    out.push({ type: "stop", c: this.#index, stop: settleStop(stop, this.#hasCalls) });
  }

  #find(source: number): OrderedPart | undefined {
    for (let i = this.#queue.length - 1; i >= 0; i--) {
      const part = this.#queue[i];
      if (part !== undefined && part.source === source && !part.closed) return part;
    }
    return undefined;
  }

  #open(event: PartStart, out: StreamEvent[]): void {
    const part = this.#enqueue(partOf(event, this.#run));
    if (part.kind === "call") this.#hasCalls = true;
    this.#advance(true, out);
    if (part.kind === "call" && this.#queue[0] === part) this.#show(part, out);
  }

  #enqueue(part: OrderedPart): OrderedPart {
    const old = this.#find(part.source);
    if (old !== undefined) old.closed = true;
    this.#queue.push(part);
    return part;
  }

  #delta(event: PartDelta, out: StreamEvent[]): void {
    if (event.type === "cite" && !this.#run.takesCitation(event.citation)) return;
    let part = this.#find(event.i);
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
      part = this.#enqueue(plainPart(event.i, kind));
      this.#advance(true, out);
    }
    if (this.#queue[0] === part) {
      this.#write(part, event, out);
      return;
    }
    part.waiting.push(event);
    this.#run.hold(sizeOf(event));
    this.#advance(true, out);
    this.#run.limit(out);
  }

  /** Shows what is due: the head goes when it is finished, the next takes its place. */
  #advance(another: boolean, out: StreamEvent[]): void {
    for (;;) {
      const head = this.#queue[0];
      if (head === undefined || this.#run.over) return;
      this.#flush(head, out);
      if (this.#run.over) return;
      const more = this.#queue.length > 1;
      // A call is finished when its text is complete and another part got data; text when anything else begins.
      const implied = another && more && (head.scanner === null || head.scanner.complete);
      if (!head.closed && !implied) return;
      this.#close(head, out);
      this.#queue.shift();
    }
  }

  #flush(part: OrderedPart, out: StreamEvent[]): void {
    if (part.kind === "call" && part.shown < 0 && part.start !== null) this.#show(part, out);
    if (part.waiting.length === 0) return;
    const waiting = part.waiting.splice(0);
    for (const event of waiting) {
      this.#run.hold(-sizeOf(event));
      if (event.type === "part") {
        part.shown = this.next++;
        out.push({ ...event, i: part.shown });
      } else {
        this.#write(part, event as PartDelta, out);
      }
    }
  }

  #write(part: OrderedPart, event: PartDelta, out: StreamEvent[]): void {
    if (this.#run.over) return;
    if (event.type === "arguments") {
      this.#writeArguments(part, event.text, out);
      return;
    }
    if (event.type === "signature") {
      this.#writeSignature(part, event.signature, out);
      return;
    }
    if (part.kind === "call") return;
    if (event.type !== "cite" && event.text === "") return;
    this.#show(part, out);
    if (event.type === "cite") {
      out.push({ ...event, i: part.shown });
      return;
    }
    const type = part.kind === "thinking" ? "think" : part.kind === "refusal" ? "refusal" : "text";
    out.push({ type, c: event.c, i: part.shown, text: event.text });
  }

  #writeSignature(part: OrderedPart, signature: Signature, out: StreamEvent[]): void {
    const c = this.#index;
    if (part.kind === "text" && part.shown < 0) {
      // A signature on an empty text part (Gemini's last chunk) is carried without an empty text (case 59).
      const i = this.next++;
      out.push({ type: "part", c, i, kind: "thinking" });
      out.push({ type: "signature", c, i, signature });
      out.push({ type: "close", c, i });
      return;
    }
    this.#show(part, out);
    out.push({ type: "signature", c, i: part.shown, signature });
  }

  #writeArguments(part: OrderedPart, text: string, out: StreamEvent[]): void {
    const c = this.#index;
    if (part.scanner === null) {
      if (text === "" || !part.respond) return;
      this.#show(part, out);
      out.push({ type: "text", c, i: part.shown, text });
      return;
    }
    part.argumentChars += text.length;
    if (part.argumentChars > MAX_ARGUMENTS) {
      this.#run.fail("the model's tool call is too large", out);
      return;
    }
    const custom = part.start?.type === "part" && part.start.kind === "call" && part.start.custom;
    const wasBroken = part.scanner.broken;
    const repaired = custom && part.unwrapper === null ? text : part.scanner.push(text);
    if (!custom && part.scanner.broken && this.#run.options.broken === "fail") {
      if (!wasBroken) this.#run.fail("the model's tool call is not valid JSON", out);
      return;
    }
    const kept = this.#run.options.broken === "fail" ? repaired : text;
    const piece = part.unwrapper === null ? kept : part.unwrapper.push(kept);
    if (piece !== "") out.push({ type: "arguments", c, i: part.shown, text: piece });
  }

  #show(part: OrderedPart, out: StreamEvent[]): void {
    if (part.shown >= 0) return;
    const c = this.#index;
    if (this.#adopted !== null) {
      const kind = this.#adopted;
      this.#adopted = null;
      // A thought that was cut off is not gone on with: it begins afresh in a part of its own (30-routing.md).
      if (kind === "text" && part.kind === "text") {
        part.shown = this.next++;
        return;
      }
      out.push({ type: "close", c, i: this.next++ });
    }
    part.shown = this.next++;
    if (part.start !== null) out.push({ ...part.start, i: part.shown });
    else if (part.kind !== "call") out.push({ type: "part", c, i: part.shown, kind: part.kind });
  }

  #close(part: OrderedPart, out: StreamEvent[]): void {
    if (part.unwrapper !== null) {
      const rest = part.unwrapper.flush();
      if (rest !== "") out.push({ type: "arguments", c: this.#index, i: part.shown, text: rest });
    }
    if (part.shown >= 0) out.push({ type: "close", c: this.#index, i: part.shown });
  }
}
