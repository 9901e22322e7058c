/** Reads a `usage` member off its bytes while all it holds are whole numbers, as most do: no text and no object is made of it. */
import { afterSpace, spells } from "../byte-text.ts";
import type { Usage } from "../neutral.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const ZERO = 0x30;
/** Numbers of so many digits are exact. */
const MAX_DIGITS = 15;

/** Which object a member stands in. */
const USAGE = 0;
const PROMPT = 1;
const COMPLETION = 2;

/** Of members that stand twice the last counts, as with JSON.parse. */
interface Figures {
  /** What has been read of the bytes. */
  at: number;
  input: number | null;
  output: number | null;
  cachedOfPrompt: number | null;
  written: number | null;
  reasoning: number | null;
  hits: number | null;
  cached: number | null;
}

export interface PlainUsage {
  readonly usage: Usage;
  /** After its closing brace. */
  readonly after: number;
}

/** The object that opens at `start`; null = it holds something else, or does not end: for JSON.parse to say. */
export function readPlainUsage(bytes: Buffer, start: number, end: number): PlainUsage | null {
  const found: Figures = {
    at: start,
    input: null,
    output: null,
    cachedOfPrompt: null,
    written: null,
    reasoning: null,
    hits: null,
    cached: null,
  };
  if (!readMembers(bytes, end, found, USAGE)) return null;
  const { at, input, output, cachedOfPrompt, written, reasoning, hits, cached } = found;
  const cacheRead = cachedOfPrompt ?? hits ?? cached;
  return {
    usage: { input, cacheRead, cacheWrite: written, cacheWriteLong: null, output, reasoning },
    after: at,
  };
}

function readMembers(bytes: Buffer, end: number, to: Figures, within: number): boolean {
  let at = afterSpace(bytes, to.at + 1, end);
  if (at < end && bytes[at] === CLOSE_BRACE) {
    to.at = at + 1;
    return true;
  }
  for (;;) {
    if (at >= end || bytes[at] !== QUOTE) return false;
    const name = at + 1;
    const nameEnd = endOfName(bytes, name, end);
    if (nameEnd < 0) return false;
    const colon = afterSpace(bytes, nameEnd + 1, end);
    if (colon >= end || bytes[colon] !== COLON) return false;
    to.at = afterSpace(bytes, colon + 1, end);
    if (!readValue(bytes, end, to, within, name, nameEnd - name)) return false;
    at = afterSpace(bytes, to.at, end);
    if (at >= end) return false;
    const byte = bytes[at];
    at++;
    if (byte === CLOSE_BRACE) {
      to.at = at;
      return true;
    }
    if (byte !== COMMA) return false;
    at = afterSpace(bytes, at, end);
  }
}

function endOfName(bytes: Buffer, at: number, end: number): number {
  for (let i = at; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) return i;
    if (byte < 0x20 || byte === BACKSLASH) return -1;
  }
  return -1;
}

function readValue(
  bytes: Buffer,
  end: number,
  to: Figures,
  within: number,
  name: number,
  length: number,
): boolean {
  const details = within === USAGE ? detailsNamed(bytes, name, length) : USAGE;
  if (details === PROMPT) {
    to.cachedOfPrompt = null;
    to.written = null;
  } else if (details === COMPLETION) {
    to.reasoning = null;
  }
  if (to.at < end && bytes[to.at] === OPEN_BRACE)
    return details !== USAGE && readMembers(bytes, end, to, details);
  const count = readCount(bytes, end, to);
  if (count === undefined) return false;
  if (within === USAGE) noteTotal(bytes, name, length, count, to);
  else if (within === PROMPT) notePrompt(bytes, name, length, count, to);
  else if (spells(bytes, name, length, "reasoning_tokens")) to.reasoning = count;
  return true;
}

function detailsNamed(bytes: Buffer, name: number, length: number): number {
  if (spells(bytes, name, length, "prompt_tokens_details")) return PROMPT;
  return spells(bytes, name, length, "completion_tokens_details") ? COMPLETION : USAGE;
}

function noteTotal(bytes: Buffer, name: number, length: number, count: number | null, to: Figures): void {
  if (spells(bytes, name, length, "prompt_tokens")) to.input = count;
  else if (spells(bytes, name, length, "completion_tokens")) to.output = count;
  else if (spells(bytes, name, length, "prompt_cache_hit_tokens")) to.hits = count;
  else if (spells(bytes, name, length, "cached_tokens")) to.cached = count;
}

function notePrompt(bytes: Buffer, name: number, length: number, count: number | null, to: Figures): void {
  if (spells(bytes, name, length, "cached_tokens")) to.cachedOfPrompt = count;
  else if (spells(bytes, name, length, "cache_write_tokens")) to.written = count;
}

/** The whole number or null at `to.at`, which goes behind it; undefined = it is something else. */
function readCount(bytes: Buffer, end: number, to: Figures): number | null | undefined {
  const start = to.at;
  let count = 0;
  let at = start;
  for (; at < end && at - start < MAX_DIGITS; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) break;
    count = count * 10 + digit;
  }
  to.at = at;
  if (at === start) {
    to.at = start + 4;
    return start + 4 <= end && spells(bytes, start, 4, "null") ? null : undefined;
  }
  // What stands behind it is looked at by the caller: a fraction or a 16th digit is neither a comma nor a brace.
  return bytes[start] === ZERO && at > start + 1 ? undefined : count;
}
