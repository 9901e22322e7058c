/** Stop sequences an upstream cannot take: the gateway holds text back until it is sure and cuts at a match (40-protocols 1.6). */

import type { ChatResponse, Part, StreamEvent } from "./neutral.ts";

type Candidate = ChatResponse["candidates"][number];

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

/** Candidates that are watched; OpenAI gives 128 at most. */
const MAX_CANDIDATES = 128;

/** One candidate's text. */
interface Watched {
  readonly watcher: StopWatcher;
  part: number;
  matched: boolean;
}

/**
 * Cuts events at a stop sequence: stands between the upstream's decoder and the caller's encoder. After `matched` the
 * upstream can be cancelled: every candidate was cut, stop and end have been written.
 */
export class StopFilter {
  readonly #sequences: readonly string[];
  readonly #watched = new Map<number, Watched>();
  #open: number;
  matched = false;

  constructor(sequences: readonly string[], candidates = 1) {
    this.#sequences = sequences;
    this.#open = candidates;
  }

  push(event: StreamEvent, out: StreamEvent[]): void {
    if (this.matched) return;
    if (!("c" in event)) {
      if (event.type !== "usage" && event.type !== "ping")
        for (const [c, watched] of this.#watched) this.#release(c, watched, out);
      out.push(event);
      return;
    }
    const watched = this.#watch(event.c);
    if (watched === null) out.push(event);
    else if (!watched.matched) this.#take(event, watched, out);
  }

  #take(event: Extract<StreamEvent, { c: number }>, watched: Watched, out: StreamEvent[]): void {
    if (event.type !== "text") {
      // Anything that orders itself against the text lets go of what was held; logprobs pass beside it.
      if (event.type !== "logprobs") this.#release(event.c, watched, out);
      out.push(event);
      return;
    }
    if (event.i !== watched.part) this.#release(event.c, watched, out);
    watched.part = event.i;
    const found = watched.watcher.push(event.text);
    if (found.text !== "") out.push({ ...event, text: found.text });
    if (found.sequence === "") return;
    watched.matched = true;
    out.push({ type: "stop", c: event.c, stop: { reason: "stop_sequence", sequence: found.sequence } });
    this.#open--;
    if (this.#open > 0) return;
    this.matched = true;
    out.push({ type: "end" });
  }

  #watch(c: number): Watched | null {
    const known = this.#watched.get(c);
    if (known !== undefined) return known;
    if (this.#watched.size >= MAX_CANDIDATES) return null;
    const made = { watcher: new StopWatcher(this.#sequences), part: -1, matched: false };
    this.#watched.set(c, made);
    return made;
  }

  #release(c: number, { watcher, part }: Watched, out: StreamEvent[]): void {
    const rest = watcher.flush();
    if (rest !== "") out.push({ type: "text", c, i: part, text: rest });
  }
}

/** The same for a whole answer: what follows a match in its candidate is gone. */
export function cutAtStops(response: ChatResponse, sequences: readonly string[]): ChatResponse {
  if (sequences.length === 0) return response;
  return {
    ...response,
    candidates: response.candidates.map((candidate) => cutCandidate(candidate, sequences)),
  };
}

function cutCandidate(candidate: Candidate, sequences: readonly string[]): Candidate {
  const parts: Part[] = [];
  for (const part of candidate.parts) {
    if (part.type !== "text") {
      parts.push(part);
      continue;
    }
    const { text, sequence } = new StopWatcher(sequences).push(part.text);
    if (sequence === "") {
      parts.push(part);
      continue;
    }
    if (text !== "") parts.push({ type: "text", text });
    return { parts, stop: { reason: "stop_sequence", sequence } };
  }
  return candidate;
}
