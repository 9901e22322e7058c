/** Converts Gemini's grounding (UTF-8 byte offsets inside one part) to citations (characters of a text part) and back. */
import { isObject, listOf, objectOf, stringOf } from "../json-value.ts";
import type { Citation } from "../neutral.ts";
import { integerOf } from "./types.ts";

/** A piece of text as the vendor counts it, and where it went. */
export interface TextSegment {
  /** Index in the vendor's `parts`; a stream's text counts as one part. */
  readonly partIndex: number;
  /** Bytes of the same vendor part that stand before this piece. */
  readonly bytesBefore: number;
  readonly text: string;
  /** Index of the neutral part that received it, and how many characters stand before it there. */
  readonly part: number;
  readonly charsBefore: number;
}

/** Characters and pieces of text that may be gone through to place the citations of one candidate; the others are left out. */
const MAX_STEPS = 16 * 1024 * 1024;

/** How many of them are left. */
export class PlacingBudget {
  #left = MAX_STEPS;

  take(steps: number): boolean {
    this.#left -= steps;
    return this.#left >= 0;
  }
}

export interface PlacedCitation {
  readonly part: number;
  readonly citation: Citation;
}

/** Code points before UTF-8 byte `offset` of `text`; offsets inside a character count it as not reached. */
function charsAtByte(text: string, offset: number): number {
  let bytes = 0;
  let chars = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > offset) break;
    chars++;
  }
  return chars;
}

/** UTF-8 bytes before code point `offset` of `text`. */
function bytesAtChar(text: string, offset: number): number {
  let bytes = 0;
  let chars = 0;
  for (const char of text) {
    if (chars >= offset) break;
    bytes += Buffer.byteLength(char);
    chars++;
  }
  return bytes;
}

/** Reads `groundingMetadata`: one citation for each source of each support. Supports without a web source are skipped. */
export function decodeGrounding(
  metadata: unknown,
  segments: readonly TextSegment[],
  budget: PlacingBudget,
): PlacedCitation[] {
  if (!isObject(metadata) || segments.length === 0) return [];
  const chunks = listOf(metadata.groundingChunks);
  const placed: PlacedCitation[] = [];
  for (const support of listOf(metadata.groundingSupports)) {
    if (!isObject(support)) continue;
    if (!budget.take(segments.length)) break;
    const range = objectOf(support.segment) ?? {};
    const start = integerOf(range.startIndex) ?? 0;
    const end = integerOf(range.endIndex) ?? 0;
    const partIndex = integerOf(range.partIndex) ?? 0;
    const segment = findSegment(segments, partIndex, start);
    if (segment === undefined || end <= start || !budget.take(segment.text.length)) continue;
    const from = segment.charsBefore + charsAtByte(segment.text, start - segment.bytesBefore);
    const to = segment.charsBefore + charsAtByte(segment.text, end - segment.bytesBefore);
    for (const index of listOf(support.groundingChunkIndices)) {
      const web = objectOf(objectOf(chunks[integerOf(index) ?? -1])?.web);
      const url = stringOf(web?.uri);
      if (url === undefined) continue;
      const citation: Citation = { start: from, end: to, url, title: stringOf(web?.title) ?? "" };
      const quote = stringOf(range.text);
      if (quote !== undefined) citation.quote = quote;
      placed.push({ part: segment.part, citation });
    }
  }
  return placed;
}

function findSegment(
  segments: readonly TextSegment[],
  partIndex: number,
  start: number,
): TextSegment | undefined {
  let found: TextSegment | undefined;
  for (const segment of segments) {
    if (segment.partIndex === partIndex && segment.bytesBefore <= start) found = segment;
  }
  return found;
}

export interface GroundingMetadata {
  groundingChunks: { web: { uri: string; title: string } }[];
  groundingSupports: {
    segment: { partIndex: number; startIndex: number; endIndex: number; text?: string };
    groundingChunkIndices: number[];
  }[];
}

/** Ranges that are cited, and sources; what is more is left out. */
const MAX_SUPPORTS = 1024;
const MAX_CHUNKS = 1024;

/** Collects citations for a Gemini answer; `metadata()` is undefined while there are none. */
export class GroundingBuilder {
  readonly #chunks: { web: { uri: string; title: string } }[] = [];
  readonly #supports: GroundingMetadata["groundingSupports"] = [];
  readonly #budget = new PlacingBudget();

  /** Whether one more citation can be placed in a text of so many characters. */
  takes(characters: number): boolean {
    return this.#supports.length < MAX_SUPPORTS && this.#budget.take(characters);
  }

  /** `partIndex` = index in the answer's `parts`; `bytesBefore` = bytes of that part before `text`. Only after `takes`. */
  add(citation: Citation, text: string, partIndex: number, bytesBefore: number): void {
    if (citation.url === "") return;
    let index = this.#chunks.findIndex((chunk) => chunk.web.uri === citation.url);
    if (index < 0) {
      if (this.#chunks.length >= MAX_CHUNKS) return;
      index = this.#chunks.length;
      this.#chunks.push({ web: { uri: citation.url, title: citation.title } });
    }
    const whole = citation.start < 0;
    const startIndex = bytesBefore + (whole ? 0 : bytesAtChar(text, citation.start));
    const endIndex = bytesBefore + (whole ? Buffer.byteLength(text) : bytesAtChar(text, citation.end));
    const same = this.#supports.find(
      (support) =>
        support.segment.partIndex === partIndex &&
        support.segment.startIndex === startIndex &&
        support.segment.endIndex === endIndex,
    );
    if (same !== undefined) {
      if (!same.groundingChunkIndices.includes(index)) same.groundingChunkIndices.push(index);
      return;
    }
    const segment = { partIndex, startIndex, endIndex };
    this.#supports.push({
      segment: citation.quote === undefined ? segment : { ...segment, text: citation.quote },
      groundingChunkIndices: [index],
    });
  }

  metadata(): GroundingMetadata | undefined {
    if (this.#supports.length === 0) return undefined;
    return { groundingChunks: this.#chunks, groundingSupports: this.#supports };
  }
}
