/** Neutral events out to the caller: encoded, collected per piece of input, and remembered as far as a continuation needs. */
import type { StreamEvent } from "../protocols/neutral.ts";
import type { StreamEncoder } from "../protocols/protocol.ts";
import type { Delivery } from "./delivery.ts";

/** Text kept for a continuation (30-routing.md, After it); a longer answer is not repaired. */
export const MAX_KEPT_TEXT = 256 * 1024;

export class EventWriter {
  readonly encoder: StreamEncoder;
  readonly #delivery: Delivery;
  readonly #keep: boolean;
  #pending = "";
  #text: string[] = [];
  #length = 0;
  #tooLong = false;
  sawToolCall = false;
  /** Index of the text part that is open; null = none. */
  openText: number | null = null;
  /** More than plain text: a repair could not reproduce it. */
  sawOther = false;

  /** `keep`: whether a continuation may be wanted. */
  constructor(encoder: StreamEncoder, delivery: Delivery, keep: boolean) {
    this.encoder = encoder;
    this.#delivery = delivery;
    this.#keep = keep;
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

  /** The text delivered so far; null when it was too long to keep. */
  get text(): string | null {
    return this.#tooLong || !this.#keep ? null : this.#text.join("");
  }

  /** Text another stream already delivered, so that `text` stays the whole of it. */
  seed(text: string): void {
    this.#text = [text];
    this.#length = text.length;
  }

  #remember(event: StreamEvent): void {
    if ("c" in event && event.c === 0 && "i" in event) {
      if (event.type === "text") this.openText = event.i;
      else if (event.type === "part" || (event.type === "close" && event.i === this.openText))
        this.openText = null;
    }
    if (event.type === "text" && event.c === 0) {
      if (!this.#keep || this.#tooLong) return;
      this.#length += event.text.length;
      if (this.#length > MAX_KEPT_TEXT) {
        this.#tooLong = true;
        this.#text = [];
      } else {
        this.#text.push(event.text);
      }
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
