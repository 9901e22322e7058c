/** Reads an answer as it comes, and says whether it was whole, an error, cut off, or not the one that was asked for. */

export type End = "whole" | "error" | "cut" | "wrong";

/** Enough for the end of a stream or for what an error says. */
const KEPT = 600;
/** Longer than any word. */
const OVERLAP = 40;

export class AnswerCheck {
  readonly #request: number;
  #next = 0;
  #isOther = false;
  #first = "";
  #last = "";

  constructor(request: number) {
    this.#request = request;
  }

  feed(piece: Buffer): void {
    const text = piece.toString("latin1");
    if (this.#first.length < KEPT) this.#first = (this.#first + text).slice(0, KEPT);
    const seen = this.#last.length;
    const joined = this.#last + text;
    // A word that ends at the very end may go on in the next piece.
    const words = /#(\d+)\.(\d+)(?=[^\d])/g;
    words.lastIndex = Math.max(0, seen - OVERLAP);
    for (let found = words.exec(joined); found !== null; found = words.exec(joined)) {
      if (found.index + found[0].length < seen) continue;
      if (Number(found[1]) !== this.#request || Number(found[2]) !== this.#next) this.#isOther = true;
      this.#next++;
    }
    this.#last = joined.slice(-KEPT);
  }

  /** `isComplete` = the answer's length or last chunk was reached. */
  end(status: number, type: string, words: number, isComplete: boolean): End {
    if (this.#isOther) return "wrong";
    const isStream = type.startsWith("text/event-stream");
    const isFinished = isStream ? /data: \[DONE\]\n\n$|"message_stop"\}\n\n$/.test(this.#last) : isComplete;
    const isError = status >= 400 || (isStream && /"error":/.test(this.#last));
    if (isError)
      return isStream && isFinished ? "wrong" : /"(?:error|message)":/.test(this.#last) ? "error" : "cut";
    if (!isFinished || !isComplete) return "cut";
    return this.#next === words ? "whole" : "wrong";
  }

  /** Beginning and end, for a report. */
  get text(): string {
    return JSON.stringify(`${this.#first.slice(0, 200)} ... ${this.#last.slice(-160)}`);
  }
}
