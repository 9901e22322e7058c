/** The strings and numbers that stand as values in an answer, and which of them are its usage. */
import { endOfNumber, endOfText } from "../base/json-valid.ts";
import { afterSpace, spells } from "./byte-text.ts";
import type { UsageCounts } from "./protocol.ts";

const MAX_VALUES = 64;
/** Longer ones are sure to be others in the next answer. */
const MAX_TEXT = 32;
/** Bytes of an answer without its values. */
const MAX_SHAPE = 2048;

const QUOTE = 0x22;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;

/** What the numbers of an answer are replaced by to see which of them is which figure, and its strings; null = as they are. */
interface Probe {
  number(index: number): number;
  readonly text: string | null;
}

const FIRST_PROBE: Probe = { number: (index) => 1_000_003 + 7919 * index, text: null };
const OTHER_PROBES: readonly Probe[] = [
  // In another order, so that the larger of two is the other one; and strings that look like a name.
  { number: (index) => 3_000_017 - 6007 * index, text: "usage" },
  // None of them is a zero taken for nothing, and no string is taken for a number.
  { number: () => 0, text: "1" },
];

export class AnswerValues {
  readonly starts: number[] = [];
  /** Of strings both are of what stands between the quotes. */
  readonly ends: number[] = [];
  readonly isNumber: boolean[] = [];
  /** null = a long one. */
  readonly texts: (string | null)[] = [];
  /** The answer without them. */
  shape = "";
  readonly #body: Buffer;

  private constructor(body: Buffer) {
    this.#body = body;
  }

  /** `body` is one JSON value. null = "error" stands in it, or too much. */
  static find(body: Buffer): AnswerValues | null {
    const values = new AnswerValues(body);
    return values.#find() && values.shape.length <= MAX_SHAPE ? values : null;
  }

  #find(): boolean {
    const body = this.#body;
    const end = body.length;
    for (let at = 0; at < end; ) {
      const byte = body[at] as number;
      if (byte === QUOTE) {
        const close = endOfText(body, at + 1, end);
        if (close < 0 || spells(body, at + 1, close - at - 1, "error")) return false;
        if (body[afterSpace(body, close + 1, end)] !== COLON && !this.#add(at + 1, close, false))
          return false;
        at = close + 1;
      } else if (byte === MINUS || (byte >= ZERO && byte <= NINE)) {
        const after = endOfNumber(body, at, end);
        if (after < 0 || !this.#add(at, after, true)) return false;
        at = after;
      } else at++;
    }
    this.shape = this.#replace("0", "").toString("latin1");
    return true;
  }

  #add(start: number, end: number, isNumber: boolean): boolean {
    this.starts.push(start);
    this.ends.push(end);
    this.isNumber.push(isNumber);
    this.texts.push(end - start > MAX_TEXT ? null : this.#body.toString("latin1", start, end));
    return this.starts.length <= MAX_VALUES;
  }

  /**
   * Which value each figure is, -1 = it is null; null = this answer has no usage; undefined = its figures are no values
   * of it. The reader itself tells, by what it reads when the answer's numbers are others.
   */
  findFigures(counts: UsageCounts): readonly number[] | null | undefined {
    const read = (probe: Probe) =>
      counts.read(this.#replace((index) => String(probe.number(index)), probe.text));
    const first = read(FIRST_PROBE);
    const others = OTHER_PROBES.map((probe) => ({ probe, told: read(probe) }));
    if (first === null) return others.every(({ told }) => told === null) ? null : undefined;
    const sources = first.map((figure) =>
      figure === null ? -1 : this.isNumber.findIndex((is, i) => is && FIRST_PROBE.number(i) === figure),
    );
    const isSame = sources.every((source, i) => {
      if (source < 0) return first[i] === null && others.every(({ told }) => told?.[i] === null);
      return others.every(({ probe, told }) => told?.[i] === probe.number(source));
    });
    return isSame ? sources : undefined;
  }

  #replace(number: string | ((index: number) => string), text: string | null): Buffer {
    const body = this.#body;
    const pieces: Buffer[] = [];
    let from = 0;
    for (const [i, start] of this.starts.entries()) {
      const end = this.ends[i] ?? start;
      const other = this.isNumber[i] === true ? (typeof number === "string" ? number : number(i)) : text;
      pieces.push(
        body.subarray(from, start),
        other === null ? body.subarray(start, end) : Buffer.from(other),
      );
      from = end;
    }
    return Buffer.concat([...pieces, body.subarray(from)]);
  }
}
