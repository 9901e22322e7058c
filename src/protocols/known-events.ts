/** The events of one stream are alike: what one of them spelled is compared with the next, eight bytes at a time, instead of walking that too. */
import { compareRun, rememberRun } from "../base/byte-runs.ts";
import { memoryView } from "../base/memory-view.ts";
import { Ring } from "../base/ring.ts";
import type { EscapedText } from "./escaped-text.ts";

/** Fixed bytes of an event, at most. */
const MAX_FIXED = 384;
const MAX_VALUES = 6;
/** So many events in a row were like none before: these will not be alike. */
const MAX_MISSES = 8;
/** Some 600 bytes each. */
const MAX_SHARED = 32;

/** Values that may be others in the next event: [starts, ends) of the event that is walked or compared. */
const starts = [0, 0, 0, 0, 0, 0];
const ends = [0, 0, 0, 0, 0, 0];
let count = 0;
/** Bit i: value i is text to keep. */
let kept = 0;
/** Bit i: value i is a row of digits, not the inside of a string. */
let digits = 0;

/** What an event is like. */
interface Likeness {
  /** The fixed bytes. */
  readonly words: readonly number[];
  /** Lengths of the runs of fixed bytes: a value stands between two. */
  readonly runs: readonly number[];
  readonly kept: number;
  readonly digits: number;
  readonly flags: number;
}

/** A provider's streams spell their events alike: what is known of them is there once, and not once for each stream. */
const shared = new Ring<Likeness>(MAX_SHARED);

export class KnownEvents {
  readonly #keeper: EscapedText;
  #like: Likeness | null = null;
  #misses = 0;

  /** `keeper` gets the text of events that are recognised. */
  constructor(keeper: EscapedText) {
    this.#keeper = keeper;
  }

  /**
   * The end of the event that begins at `start` when it is like the one learned: its values aside, which are not empty
   * and end as that one's did, it is the same bytes. -1 = it is not, or not whole before `limit`.
   */
  match(event: Buffer, start: number, limit: number): number {
    if (this.#like === null) return -1;
    const { runs, words, digits } = this.#like;
    const view = memoryView(event, limit);
    const offset = event.byteOffset;
    let at = start;
    for (let i = 0, word = 0; ; i++) {
      const end = at + (runs[i] as number);
      if (end > limit) return -1;
      word = compareRun(words, word, view, offset + at, offset + end);
      if (word < 0) return -1;
      if (i + 1 === runs.length) return end;
      const close = ((digits >> i) & 1) === 1 ? digitsEnd(event, end, limit) : plainEnd(event, end, limit);
      if (close <= end) return -1;
      starts[i] = end;
      ends[i] = close;
      at = close;
    }
  }

  /** Takes what `match` has just found: the event says what the one learned said. Returns its flags. */
  accept(event: Buffer): number {
    const like = this.#like;
    if (like === null) return 0;
    this.#misses = 0;
    for (let i = 0, left = like.kept; left > 0; i++, left >>= 1)
      if ((left & 1) === 1) this.#keeper.append(event, starts[i] as number, ends[i] as number);
    return like.flags;
  }

  /** A walk begins. */
  begin(): void {
    count = 0;
    kept = 0;
    digits = 0;
  }

  /** The inside of a string, [start, end), that may be any other one, save empty, without a change to the event's flags. */
  note(start: number, end: number, keep: boolean): void {
    if (end <= start) return;
    if (count < MAX_VALUES) {
      starts[count] = start;
      ends[count] = end;
      if (keep) kept |= 1 << count;
    }
    count++;
  }

  /** Likewise a row of digits, from `start` on. */
  noteDigits(event: Buffer, start: number, limit: number): void {
    if (count < MAX_VALUES) digits |= 1 << count;
    this.note(start, digitsEnd(event, start, limit), false);
  }

  /**
   * The walk is over: events like [start, end) are recognised from now on. Only for one that tells nothing but `flags`
   * and the values that were noted: whatever else stands in it must say nothing new when it is said again.
   */
  learn(event: Buffer, start: number, end: number, flags: number): void {
    if (count === 0 || count > MAX_VALUES || this.#misses >= MAX_MISSES) return;
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
    this.#like = share({ words, runs, kept, digits, flags });
  }
}

function share(like: Likeness): Likeness {
  const known = shared.all.find((other) => isSame(other, like));
  if (known !== undefined) return known;
  // Without the room that growing left behind them.
  const added = { ...like, words: like.words.slice(), runs: like.runs.slice() };
  shared.add(added);
  return added;
}

function isSame(a: Likeness, b: Likeness): boolean {
  return (
    a.flags === b.flags &&
    a.kept === b.kept &&
    a.digits === b.digits &&
    isSameList(a.runs, b.runs) &&
    isSameList(a.words, b.words)
  );
}

function isSameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((number, i) => number === b[i]);
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

/** Behind the digits that begin at `at`. */
function digitsEnd(event: Buffer, at: number, limit: number): number {
  let position = at;
  for (; position < limit; position++) {
    const byte = event[position] as number;
    if (byte < 0x30 || byte > 0x39) break;
  }
  return position;
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
