/** The events of one stream are alike: what one of them spelled is compared with the next, eight bytes at a time, instead of walking that too. */
import { compareRun, rememberRun } from "../base/byte-runs.ts";
import { memoryView } from "../base/memory-view.ts";
import type { EscapedText } from "./escaped-text.ts";

/** Fixed bytes of an event, at most; this is memory of every stream. */
const MAX_FIXED = 384;
const MAX_STRINGS = 4;
/** So many events in a row were like none before: these will not be alike. */
const MAX_MISSES = 8;

const NOTHING: readonly number[] = [];

/** Insides of strings that may be others in the next event: [starts, ends) of the event that is walked or compared. */
const starts = [0, 0, 0, 0];
const ends = [0, 0, 0, 0];
let count = 0;
/** Bit i: string i is text to keep. */
let kept = 0;

export class KnownEvents {
  readonly #keeper: EscapedText;
  /** The fixed bytes of a known event. */
  #words = NOTHING;
  /** Lengths of the runs of fixed bytes: a string stands between two. */
  #runs = NOTHING;
  #kept = 0;
  #flags = 0;
  #misses = 0;

  /** `keeper` gets the text of events that are recognised. */
  constructor(keeper: EscapedText) {
    this.#keeper = keeper;
  }

  /**
   * The end of the event that begins at `start` when it is like the one learned: its strings aside, which are not empty
   * and end as that one's did, it is the same bytes. -1 = it is not, or not whole before `limit`.
   */
  match(event: Buffer, start: number, limit: number): number {
    const runs = this.#runs;
    if (runs.length === 0) return -1;
    const words = this.#words;
    const view = memoryView(event, limit);
    const offset = event.byteOffset;
    let at = start;
    for (let i = 0, word = 0; ; i++) {
      const end = at + (runs[i] as number);
      if (end > limit) return -1;
      word = compareRun(words, word, view, offset + at, offset + end);
      if (word < 0) return -1;
      if (i + 1 === runs.length) return end;
      const close = plainEnd(event, end, limit);
      if (close <= end) return -1;
      starts[i] = end;
      ends[i] = close;
      at = close;
    }
  }

  /** Takes what `match` has just found: the event says what the one learned said. Returns its flags. */
  accept(event: Buffer): number {
    this.#misses = 0;
    for (let i = 0; i + 1 < this.#runs.length; i++) {
      if (((this.#kept >> i) & 1) === 1) this.#keeper.append(event, starts[i] as number, ends[i] as number);
    }
    return this.#flags;
  }

  /** A walk begins. */
  begin(): void {
    count = 0;
    kept = 0;
  }

  /** The inside of a string, [start, end), that may be any other one, save empty, without a change to the event's flags. */
  note(start: number, end: number, keep: boolean): void {
    if (end <= start || count > MAX_STRINGS) return;
    if (count < MAX_STRINGS) {
      starts[count] = start;
      ends[count] = end;
      if (keep) kept |= 1 << count;
    }
    count++;
  }

  /**
   * The walk is over: events like [start, end) are recognised from now on. Only for one that tells nothing but `flags`
   * and the strings that were noted: whatever else stands in it must say nothing new when it is said again.
   */
  learn(event: Buffer, start: number, end: number, flags: number): void {
    if (count === 0 || count > MAX_STRINGS || this.#misses >= MAX_MISSES) return;
    this.#misses++;
    const runs: number[] = [];
    const words: number[] = [];
    const view = memoryView(event, end);
    const offset = event.byteOffset;
    let fixed = 0;
    for (let i = 0, at = start; i <= count; i++) {
      const to = i < count ? (starts[i] as number) : end;
      const length = to - at;
      fixed += length;
      if (fixed > MAX_FIXED || !isPlain(event, at, i < count ? to : to - 1)) return;
      runs.push(length);
      rememberRun(words, view, offset + at, offset + to);
      at = ends[i] as number;
    }
    // One blank line, and that at its end: where the event ends need not be looked for either.
    if (event[end - 1] !== LF || event[end - 2] !== LF || event[start] === LF) return;
    // Without the room that growing left behind them.
    this.#runs = runs.slice();
    this.#words = words.slice();
    this.#kept = kept;
    this.#flags = flags;
  }
}

const LF = 0x0a;

/** No blank line and, single line feeds aside, no control characters. */
function isPlain(event: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = event[at] as number;
    if (byte < 0x20 && (byte !== LF || (at > from && event[at - 1] === LF))) return false;
  }
  return from <= to;
}

/** The quote that ends the string whose inside begins at `at`; -1 when it holds a control character or does not end. */
function plainEnd(event: Buffer, at: number, limit: number): number {
  for (let position = at; position < limit; position++) {
    let byte = event[position] as number;
    if (byte === 0x22) return position;
    if (byte === 0x5c && ++position < limit) byte = event[position] as number;
    if (byte < 0x20) return -1;
  }
  return -1;
}
