/** Stop sequences an upstream cannot take: the gateway holds text back until it is sure and cuts at a match (40-protocols 1.6). */

import type { StreamEvent } from "./neutral.ts";

export interface StopMatch {
  /** Text that may be shown now. */
  readonly text: string;
  /** The sequence that matched; "" = none yet. Nothing may follow a match. */
  readonly sequence: string;
}

/** Watches one candidate's text. Holds back at most the longest sequence less one character. */
export class StopWatcher {
  readonly #sequences: readonly string[];
  readonly #longest: number;
  #held = "";
  #done = false;

  constructor(sequences: readonly string[]) {
    this.#sequences = sequences.filter((sequence) => sequence !== "");
    this.#longest = this.#sequences.reduce((most, sequence) => Math.max(most, sequence.length), 0);
  }

  push(text: string): StopMatch {
    if (this.#done) return { text: "", sequence: "" };
    const all = this.#held + text;
    let at = -1;
    let matched = "";
    for (const sequence of this.#sequences) {
      const found = all.indexOf(sequence);
      if (found >= 0 && (at < 0 || found < at)) {
        at = found;
        matched = sequence;
      }
    }
    if (at >= 0) {
      this.#done = true;
      this.#held = "";
      return { text: all.slice(0, at), sequence: matched };
    }
    const keep = this.#heldBack(all);
    this.#held = all.slice(all.length - keep);
    return { text: all.slice(0, all.length - keep), sequence: "" };
  }

  /** The text's end: what was held back is shown. */
  flush(): string {
    const rest = this.#done ? "" : this.#held;
    this.#held = "";
    return rest;
  }

  /** Characters at the end that could be the begin of a sequence. */
  #heldBack(text: string): number {
    for (let count = Math.min(this.#longest - 1, text.length); count > 0; count--) {
      const tail = text.slice(text.length - count);
      if (this.#sequences.some((sequence) => sequence.startsWith(tail))) return count;
    }
    return 0;
  }
}

/**
 * Cuts the events of one candidate at a stop sequence: stands between the upstream's decoder and the caller's encoder.
 * After `matched` the upstream can be cancelled: stop and end have been written.
 */
export class StopFilter {
  readonly #watcher: StopWatcher;
  #part = -1;
  matched = false;

  constructor(sequences: readonly string[]) {
    this.#watcher = new StopWatcher(sequences);
  }

  push(event: StreamEvent, out: StreamEvent[]): void {
    if (this.matched) return;
    if (event.type === "text" && event.c === 0) {
      if (event.i !== this.#part) this.#release(out);
      this.#part = event.i;
      const found = this.#watcher.push(event.text);
      if (found.text !== "") out.push({ ...event, text: found.text });
      if (found.sequence === "") return;
      this.matched = true;
      out.push({ type: "stop", c: 0, stop: { reason: "stop_sequence", sequence: found.sequence } });
      out.push({ type: "end" });
      return;
    }
    // Anything that orders itself against the text lets go of what was held; the rest passes beside it.
    if (event.type !== "usage" && event.type !== "ping" && event.type !== "logprobs") this.#release(out);
    out.push(event);
  }

  #release(out: StreamEvent[]): void {
    const rest = this.#watcher.flush();
    if (rest !== "") out.push({ type: "text", c: 0, i: this.#part, text: rest });
  }
}
