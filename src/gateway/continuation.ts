/** Finishing a broken stream with another target: what it is asked, and how its text joins the caller's stream. */
import { estimateTokens } from "../protocols/estimate.ts";
import type { ChatRequest, StreamEvent, Turn } from "../protocols/neutral.ts";
import type { StreamEncoder } from "../protocols/protocol.ts";
import type { Delivery } from "./delivery.ts";
import { EventWriter } from "./event-writer.ts";
import type { Continued } from "./plan.ts";
import { decideSplice } from "./splice.ts";

const GO_ON =
  "Your answer was cut off there. Continue it exactly where it stopped: do not repeat any of it, do not comment on this.";

/** The request that asks for the rest of an answer. */
export function continueRequest(request: ChatRequest, { text, prefill }: Continued): ChatRequest {
  const so: Turn = { role: "assistant", parts: [{ type: "text", text: text.trimEnd() }] };
  const turns: Turn[] = [...request.turns, so];
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
  readonly #delivered: string;
  readonly #exact: boolean;
  readonly #onDeparted: () => void;
  #head = "";
  #decided = false;

  constructor(
    encoder: StreamEncoder,
    delivery: Delivery,
    continued: Continued & { readonly exact?: boolean },
    onDeparted: () => void,
  ) {
    super(encoder, delivery, true);
    this.#delivered = continued.text;
    this.#exact = continued.exact ?? false;
    this.#onDeparted = onDeparted;
    this.seed(continued.text);
  }

  override push(event: StreamEvent): void {
    if (this.#decided) {
      if (event.type !== "start") super.push(event);
      return;
    }
    switch (event.type) {
      case "text":
        if (event.c === 0) {
          this.#head += event.text;
          this.#decide(event.i, false);
        }
        return;
      case "stop":
      case "end":
        this.#decide(0, true);
        if (this.#decided) super.push(event);
        return;
      case "usage":
        super.push(event);
        return;
      // The caller's stream has begun long ago; reasoning about how to go on is not part of the answer.
      default:
        return;
    }
  }

  #decide(i: number, ended: boolean): void {
    const splice = decideSplice(this.#delivered, this.#head, ended, this.#exact);
    if (splice.kind === "wait") return;
    if (splice.kind === "departed") {
      this.#onDeparted();
      return;
    }
    this.#decided = true;
    this.#head = "";
    if (splice.text !== "") super.push({ type: "text", c: 0, i, text: splice.text });
  }
}
