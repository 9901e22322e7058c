/** Finishing a broken stream with another target: what it is asked, and how its text joins the caller's stream. */
import type { KeptMemory } from "../protocols/escaped-text.ts";
import type { ChatRequest, StreamEvent, Turn, Usage } from "../protocols/neutral.ts";
import type { StreamEncoder } from "../protocols/protocol.ts";
import { estimateTokens } from "../protocols/rune-count.ts";
import type { Delivery } from "./delivery.ts";
import { EventWriter } from "./event-writer.ts";
import type { Continued } from "./plan.ts";
import { decideSplice } from "./splice.ts";

const GO_ON =
  "Your answer was cut off there. Continue it exactly where it stopped: do not repeat any of it, do not comment on this.";

/** The request that asks for the rest of an answer; where only a restart will do, for all of it once more. */
export function continueRequest(request: ChatRequest, { text, prefill, exact }: Continued): ChatRequest {
  // Providers refuse an assistant turn that ends in white space, and half a surrogate pair is no text.
  const so = text.trimEnd().replace(/[\ud800-\udbff]$/, "");
  if (so === "" || exact) return request;
  const turns: Turn[] = [...request.turns, { role: "assistant", parts: [{ type: "text", text: so }] }];
  if (!prefill) turns.push({ role: "user", parts: [{ type: "text", text: GO_ON }] });
  const { max } = request.sampling;
  const sampling =
    max === undefined
      ? request.sampling
      : { ...request.sampling, max: Math.max(1, max - estimateTokens(text)) };
  return { ...request, turns, sampling };
}

/** Takes the second target's events: the head is held until it is clear how it joins, then everything follows. */
export class SpliceWriter extends EventWriter {
  readonly #continued: Continued;
  readonly #onDeparted: () => void;
  /** The part the caller's stream has open: the new text goes on in it. */
  readonly #openPart: number | null;
  #head = "";
  /** All of the head stands at the beginning of what was delivered. */
  #repeats = true;
  #decided: boolean;
  #departed = false;
  /** The new stream's index of the text that goes on. */
  #textPart = -1;
  /** Tokens of what was delivered and is not in the new text; counted once the joint is decided. */
  #before = 0;
  #usage: Usage | null = null;

  constructor(
    encoder: StreamEncoder,
    delivery: Delivery,
    continued: Continued,
    openPart: number | null,
    memory: KeptMemory,
    onDeparted: () => void,
  ) {
    super(encoder, delivery, memory);
    this.#continued = continued;
    this.#openPart = openPart;
    this.#onDeparted = onDeparted;
    // Nothing of a text was sent: the answer begins afresh, its reasoning too.
    this.#decided = continued.text === "";
    this.seed(continued.text);
  }

  override push(event: StreamEvent): void {
    if (this.#departed) return;
    if (event.type === "usage") {
      this.#usage = event.usage;
      if (this.#decided) super.push({ type: "usage", usage: this.#wholeUsage(event.usage) });
      return;
    }
    // The caller's stream has begun long ago.
    if (event.type === "start") return;
    if (this.#decided) {
      super.push(this.#joined(event));
      return;
    }
    switch (event.type) {
      case "text":
        if (event.c !== 0) return;
        this.#textPart = event.i;
        if (!this.#onlyRepeats(event.text)) this.#decide(false);
        return;
      case "part":
        // Anything but text settles that no more text is to come at the joint.
        if (event.kind === "text" || event.kind === "thinking") return;
        break;
      case "stop":
      case "end":
        break;
      // Reasoning about how to go on is not part of the answer.
      default:
        return;
    }
    this.#decide(true);
    if (this.#decided) super.push(this.#joined(event));
  }

  /** Takes in text at the joint; true while there is nothing but a repetition, of which only the new piece is compared. */
  #onlyRepeats(piece: string): boolean {
    const { text } = this.#continued;
    const at = this.#head.length;
    this.#head += piece;
    this.#repeats &&= this.#head.length < text.length && text.startsWith(piece, at);
    return this.#repeats;
  }

  #decide(ended: boolean): void {
    const { text, exact } = this.#continued;
    const splice = decideSplice(text, this.#head, ended, exact);
    if (splice.kind === "wait") return;
    if (splice.kind === "departed") {
      this.#departed = true;
      this.#onDeparted();
      return;
    }
    this.#decided = true;
    this.#head = "";
    this.#before = estimateTokens(text.slice(0, Math.max(0, text.length - splice.repeated)));
    if (splice.text !== "") {
      super.push(this.#joined({ type: "text", c: 0, i: Math.max(0, this.#textPart), text: splice.text }));
    }
    if (this.#usage !== null) super.push({ type: "usage", usage: this.#wholeUsage(this.#usage) });
  }

  #joined(event: StreamEvent): StreamEvent {
    const open = this.#openPart;
    if (open === null || !("i" in event) || event.c !== 0 || event.i !== this.#textPart) return event;
    return event.type === "part" ? event : { ...event, i: open };
  }

  /** The original prompt, and all output that was delivered. */
  #wholeUsage(usage: Usage): Usage {
    return {
      ...usage,
      input: this.#continued.promptTokens ?? usage.input,
      output: usage.output === null ? null : usage.output + this.#before,
    };
  }
}
