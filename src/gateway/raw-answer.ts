/** Answers of other types (audio, images, files): relayed from the first byte of the body. */
import type { Usage } from "../protocols/neutral.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { Attempt } from "./attempt.ts";
import type { Delivery } from "./delivery.ts";
import { trouble } from "./trouble.ts";

export class RawAnswer implements AnswerReader {
  readonly usage: Usage | null = null;
  readonly #attempt: Attempt;
  readonly #start: (to: Delivery) => void;
  readonly #mayBeEmpty: boolean;
  #first: Buffer | null = null;
  #delivery: Delivery | null = null;

  /** `start` sends the head. `mayBeEmpty`: an answer without a body is one (204, HEAD, raw pass-through). */
  constructor(attempt: Attempt, start: (to: Delivery) => void, mayBeEmpty: boolean) {
    this.#attempt = attempt;
    this.#start = start;
    this.#mayBeEmpty = mayBeEmpty;
  }

  data(chunk: Buffer): void {
    if (this.#delivery !== null) {
      this.#delivery.write(chunk);
      return;
    }
    this.#first = this.#first === null ? Buffer.from(chunk) : Buffer.concat([this.#first, chunk]);
    this.#attempt.reachContent();
    // Nobody chose it yet (a race is being decided): one piece is enough to wait with.
    if (this.#delivery === null && !this.#attempt.over) this.#attempt.pause();
  }

  end(clean: boolean): void {
    if (this.#first === null && this.#delivery === null) {
      if (!this.#mayBeEmpty) {
        this.#attempt.fail(trouble("empty", "a success without a body", { afterHead: true }));
        return;
      }
      this.#attempt.reachContent();
    }
    if (this.#attempt.over) return;
    if (this.#delivery === null) {
      this.#attempt.completeWhenDelivered(() => this.end(clean));
      return;
    }
    this.#delivery.end();
    this.#attempt.complete();
  }

  deliver(to: Delivery): void {
    this.#delivery = to;
    this.#start(to);
    if (this.#first !== null) to.write(this.#first);
    this.#first = null;
    this.#attempt.resume();
  }
}
