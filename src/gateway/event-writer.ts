/** Neutral events out to the caller: encoded, collected per piece of input, and remembered as far as a continuation needs. */
import type { KeptMemory } from "../protocols/escaped-text.ts";
import type { StreamEvent } from "../protocols/neutral.ts";
import type { StreamEncoder } from "../protocols/protocol.ts";
import type { Delivery } from "./delivery.ts";

/** Text kept for a continuation (30-routing.md, After it); a longer answer is not repaired. */
export const MAX_KEPT_TEXT = 256 * 1024;
/** Memory is taken in steps. */
const ADMITTED_AT_ONCE = 4096;

export class EventWriter {
  readonly encoder: StreamEncoder;
  readonly #delivery: Delivery;
  readonly #memory: KeptMemory | null;
  #pending = "";
  #text: string[] = [];
  #length = 0;
  #admitted = 0;
  #tooLong = false;
  sawToolCall = false;
  /** Index of the text part that is open; null = none. */
  openText: number | null = null;
  /** More than plain text: a repair could not reproduce it. */
  sawOther = false;

  /** `memory` is for the text that a continuation needs; null = none may be wanted. */
  constructor(encoder: StreamEncoder, delivery: Delivery, memory: KeptMemory | null) {
    this.encoder = encoder;
    this.#delivery = delivery;
    this.#memory = memory;
  }

  push(event: StreamEvent): void {
    this.#remember(event);
    this.#pending += this.encoder.encode(event);
  }

  /** Sends what `push` collected. */
  flush(): void {
    if (this.#pending === "") return;
    const text = this.#pending;
    this.#pending = "";
    this.#delivery.writeText(text);
  }

  /** The text delivered so far; null when it was too long to keep, or there was no memory for it. */
  get text(): string | null {
    return this.#tooLong || this.#memory === null ? null : this.#text.join("");
  }

  /** Text another stream already delivered, so that `text` stays the whole of it. */
  seed(text: string): void {
    this.#text = [text];
    this.#length = text.length;
    if (!this.#hasRoom()) this.#giveUp();
  }

  #hasRoom(): boolean {
    if (this.#length > MAX_KEPT_TEXT) return false;
    if (this.#length <= this.#admitted) return true;
    const more = Math.max(ADMITTED_AT_ONCE, this.#length - this.#admitted);
    if (this.#memory?.keep(more) !== true) return false;
    this.#admitted += more;
    return true;
  }

  #giveUp(): void {
    this.#tooLong = true;
    this.#text = [];
    this.#memory?.keep(-this.#admitted);
    this.#admitted = 0;
  }

  #remember(event: StreamEvent): void {
    if ("c" in event && event.c === 0 && "i" in event) {
      if (event.type === "text") this.openText = event.i;
      else if (event.type === "part" || (event.type === "close" && event.i === this.openText))
        this.openText = null;
    }
    if (event.type === "text" && event.c === 0) {
      if (this.#memory === null || this.#tooLong) return;
      this.#length += event.text.length;
      if (this.#hasRoom()) this.#text.push(event.text);
      else this.#giveUp();
    } else if (event.type === "part" && event.kind === "call") {
      this.sawToolCall = true;
    } else if (
      (event.type === "part" && event.kind !== "text" && event.kind !== "thinking") ||
      event.type === "logprobs" ||
      ("c" in event && event.c > 0)
    ) {
      this.sawOther = true;
    }
  }
}
