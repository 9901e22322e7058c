/**
 * Stands before every encoder: makes any sequence of neutral events a legal one (40-protocols 3.5), one part at a time,
 * and gives calls back the names, ids and shapes the caller knows.
 */
import { CandidateOrder } from "./candidate-order.ts";
import type { StreamEvent } from "./neutral.ts";
import { type OrderOptions, OrderRun } from "./order-run.ts";
import type { AnswerContext, StreamPosition } from "./protocol.ts";

/** OpenAI takes n <= 128. */
const MAX_CANDIDATE = 127;

export class EventOrder {
  readonly #run: OrderRun;
  readonly #candidates: CandidateOrder[] = [];
  #started: boolean;

  constructor(context: AnswerContext, options: OrderOptions, resume?: StreamPosition) {
    this.#run = new OrderRun(context, options);
    this.#started = resume?.started ?? false;
    if (resume !== undefined) this.#candidate(0).resume(resume);
  }

  /** Appends what the encoder gets for `event`. */
  push(event: StreamEvent, out: StreamEvent[]): void {
    if (this.#run.over) return;
    if (event.type === "start") {
      if (!this.#started) out.push({ ...event, created: plausibleDate(event.created) });
      this.#started = true;
      return;
    }
    if (event.type === "error") {
      this.#run.over = true;
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
    else if (event.c >= 0 && event.c <= MAX_CANDIDATE) this.#candidate(event.c).push(event, out);
  }

  #candidate(index: number): CandidateOrder {
    let candidate = this.#candidates[index];
    if (candidate === undefined) {
      candidate = new CandidateOrder(this.#run, index);
      this.#candidates[index] = candidate;
    }
    return candidate;
  }

  #end(out: StreamEvent[]): void {
    const stopped = this.#candidates.some((candidate) => candidate?.stopped === true);
    if (!stopped) {
      this.#run.fail("the stream ended before the answer was complete", out, "truncated");
      return;
    }
    for (const candidate of this.#candidates) {
      if (candidate !== undefined && !candidate.stopped) candidate.stop({ reason: "stop" }, out);
    }
    if (this.#run.over) return;
    this.#run.over = true;
    out.push({ type: "end" });
  }
}

/** Seconds that a date can be made of; 0 = unknown. An upstream may say anything. */
function plausibleDate(seconds: number): number {
  return seconds > 0 && seconds < 1e11 ? Math.floor(seconds) : 0;
}
