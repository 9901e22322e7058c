/** What answers have in common: all but the strings and numbers that were seen to differ; and which of the numbers their usage is made of. */
import { compareRun, rememberRun } from "../base/byte-runs.ts";
import { endOfNumber, endOfText } from "../base/json-valid.ts";
import { memoryView } from "../base/memory-view.ts";
import type { AnswerValues } from "./answer-values.ts";
import { spells } from "./byte-text.ts";
import type { Usage } from "./neutral.ts";
import type { UsageCounts } from "./protocol.ts";

export type ReadUsage = (body: Buffer) => Usage | null;

/** Strings and numbers that may differ, at most: a bit stands for each. */
const MAX_OPEN = 30;
/** The fixed bytes, at most: 2 KB of memory. */
const MAX_WORDS = 256;
/** Numbers of so many digits are exact. */
const MAX_DIGITS = 15;

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const CLOSE_BRACE = 0x7d;
const ZERO = 0x30;
const ERROR = "error";

/** The numbers of the answer that was compared last; -1 = no plain whole number. */
const numbers: number[] = new Array<number>(MAX_OPEN).fill(0);
const figures: (number | null)[] = [];

export interface Skeleton {
  readonly readUsage: ReadUsage;
  readonly counts: UsageCounts;
  /** Its strings and numbers, differing or not, are left out. */
  readonly shape: string;
  /** The strings and numbers that did not differ yet; null = it did. */
  readonly values: readonly (string | null)[];
  /** The fixed bytes. */
  readonly words: readonly number[];
  /** Lengths of the runs of fixed bytes: what may differ stands between two. */
  readonly runs: readonly number[];
  /** Bit i: a number stands behind run i. */
  readonly numeric: number;
  /** Of each figure of the usage, which number it is; -1 = it is `fixed`. null = there is no usage; undefined = it cannot be told. */
  readonly places: readonly number[] | null | undefined;
  readonly fixed: readonly (number | null)[];
}

/** Whether [start, end) is the same but for what may differ: then it is JSON as well, and "error" stands nowhere in it. */
export function fits(known: Skeleton, bytes: Buffer, view: DataView, start: number, end: number): boolean {
  const { runs, words, numeric } = known;
  const offset = bytes.byteOffset;
  let at = start;
  for (let i = 0, word = 0; ; i++) {
    const to = at + (runs[i] as number);
    if (to > end) return false;
    word = compareRun(words, word, view, offset + at, offset + to);
    if (word < 0) return false;
    if (i + 1 === runs.length) return to === end;
    if (((numeric >> i) & 1) === 1) {
      at = takeNumber(bytes, to, end, i);
    } else {
      at = endOfAny(bytes, view, to, end);
      // What is to be done about the word is for others to say.
      if (at - to === ERROR.length && spells(bytes, to, ERROR.length, ERROR)) return false;
    }
    if (at < 0) return false;
  }
}

/** The usage of the answer that fitted last; undefined = it cannot be told. */
export function usageOf({ places, fixed, counts }: Skeleton): Usage | null | undefined {
  if (places === null || places === undefined) return places;
  for (let i = 0; i < places.length; i++) {
    const place = places[i] as number;
    const figure = place < 0 ? (fixed[i] as number | null) : (numbers[place] as number);
    if (figure !== null && figure < 0) return undefined;
    figures[i] = figure;
  }
  return counts.usageOf(figures);
}

/** As `endOfText`, four bytes at a time while they are plain. */
function endOfAny(bytes: Buffer, view: DataView, from: number, end: number): number {
  const offset = bytes.byteOffset;
  let at = from;
  for (; at + 4 <= end; at += 4) {
    const four = view.getInt32(offset + at, true);
    const quote = four ^ 0x22222222;
    const backslash = four ^ 0x5c5c5c5c;
    // The top bit of a byte is set where it is a quote, a backslash or a control character, and above such a byte.
    const special =
      ((quote - 0x01010101) & ~quote) |
      ((backslash - 0x01010101) & ~backslash) |
      ((four - 0x20202020) & ~four);
    if ((special & 0x80808080) !== 0) break;
  }
  for (; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH || byte < 0x20) return endOfText(bytes, at, end);
  }
  return -1;
}

function takeNumber(bytes: Buffer, from: number, end: number, index: number): number {
  const limit = Math.min(end, from + MAX_DIGITS);
  let at = from;
  let number = 0;
  for (; at < limit; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) break;
    number = number * 10 + digit;
  }
  const next = bytes[at] as number;
  const ends = next === COMMA || next === CLOSE_BRACE || next === CLOSE_BRACKET || next <= 0x20;
  if (ends && at > from && (at === from + 1 || bytes[from] !== ZERO)) {
    numbers[index] = number;
    return at;
  }
  numbers[index] = -1;
  return endOfNumber(bytes, from, end);
}

/** `old`: of an answer of the same shape. null = there is too much in this one to be remembered. */
export function learnSkeleton(
  body: Buffer,
  found: AnswerValues,
  old: Skeleton | undefined,
  readUsage: ReadUsage,
  counts: UsageCounts,
): Skeleton | null {
  const values = found.texts.map((text, i) => (old === undefined || old.values[i] === text ? text : null));
  const runs: number[] = [];
  const words: number[] = [];
  const view = memoryView(body);
  const offset = body.byteOffset;
  /** Of each value its number among those that differ. */
  const open: number[] = [];
  let numeric = 0;
  let at = 0;
  for (const [i, value] of values.entries()) {
    open.push(value === null ? runs.length : -1);
    if (value !== null) continue;
    if (runs.length === MAX_OPEN) return null;
    if (found.isNumber[i] === true) numeric |= 1 << runs.length;
    const to = found.starts[i] ?? at;
    runs.push(to - at);
    rememberRun(words, view, offset + at, offset + to);
    at = found.ends[i] ?? to;
  }
  runs.push(body.length - at);
  rememberRun(words, view, offset + at, offset + body.length);
  if (words.length > MAX_WORDS) return null;
  const sources = found.findFigures(counts);
  return {
    readUsage,
    counts,
    shape: found.shape,
    values,
    // Without the room that growing left behind them.
    words: words.slice(),
    runs: runs.slice(),
    numeric,
    places: sources === null ? null : sources?.map((source) => (source < 0 ? -1 : (open[source] ?? -1))),
    fixed: sources?.map((source) => (source < 0 ? null : plainNumber(found.texts[source]))) ?? [],
  };
}

/** -1 = it is none. */
function plainNumber(text: string | null | undefined): number {
  return typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : -1;
}
