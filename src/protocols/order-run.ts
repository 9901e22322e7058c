/** What all candidates of one answer share while their events are put in order: the caller's facts, the room for what waits, and the end by a failure. */
import { AnswerIds, type IdRule } from "./call-ids.ts";
import type { Citation, StreamEvent } from "./neutral.ts";
import type { AnswerContext } from "./protocol.ts";

export interface OrderOptions {
  /** What call ids the caller's protocol takes. */
  readonly ids: IdRule;
  /** Arguments that are not one JSON value: `pass` them as they are, or `fail` the stream (Anthropic). */
  readonly broken: "pass" | "fail";
}

/** What may wait behind an unfinished part, in characters. */
const MAX_WAITING = 8 * 1024 * 1024;
/** What all citations may take: many may name one long source, and each is written with all of it. */
const MAX_CITED = 8 * 1024 * 1024;
/** A citation without its texts, about. */
const CITATION_CHARS = 64;

export class OrderRun {
  readonly context: AnswerContext;
  readonly options: OrderOptions;
  readonly ids: AnswerIds;
  /** Nothing more is written. */
  over = false;
  #waiting = 0;
  #cited = 0;

  constructor(context: AnswerContext, options: OrderOptions) {
    this.context = context;
    this.options = options;
    this.ids = new AnswerIds(context.request.turns, options.ids, context.random);
  }

  /** Whether there is room for the citation; those past the bound are left out. */
  takesCitation({ url, title, quote = "" }: Citation): boolean {
    this.#cited += CITATION_CHARS + url.length + title.length + quote.length;
    return this.#cited <= MAX_CITED;
  }

  /** Counts what begins to wait (or, negative, goes). */
  hold(characters: number): void {
    this.#waiting += characters;
  }

  /** Too much waits: the answer fails. */
  limit(out: StreamEvent[]): void {
    if (this.#waiting > MAX_WAITING)
      this.fail("the answer's parallel parts are too large to be put in order", out);
  }

  fail(message: string, out: StreamEvent[], code = "broken_call"): void {
    if (this.over) return;
    this.over = true;
    out.push({
      type: "error",
      error: { status: 502, code, message, param: null, retryAfterMs: null, recognised: true },
    });
  }
}
