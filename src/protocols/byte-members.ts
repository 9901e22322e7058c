/** Finds members of a JSON object in an event's bytes without parsing what lies beside them. */
import { afterSpace, closingBracket, closingQuote, spells } from "./byte-text.ts";

const QUOTE = 0x22;

/** Where a value stands: [start, end). */
export interface Span {
  start: number;
  end: number;
}

/** The member `name` of the object that opens at `from`; null when it has none or is cut. */
export function findValue(event: Buffer, from: number, to: number, name: string): Span | null {
  if (event[from] !== 0x7b) return null;
  let at = afterSpace(event, from + 1, to);
  while (at < to && event[at] === QUOTE) {
    const close = closingQuote(event, at, to);
    const colon = close < 0 ? to : afterSpace(event, close + 1, to);
    if (colon >= to || event[colon] !== 0x3a) return null;
    const start = afterSpace(event, colon + 1, to);
    const end = valueEnd(event, start, to);
    if (end < 0) return null;
    if (spells(event, at + 1, close - at - 1, name)) return { start, end };
    at = afterSpace(event, end, to);
    if (event[at] === 0x2c) at = afterSpace(event, at + 1, to);
  }
  return null;
}

/** The value parsed; undefined when there is none or it is no JSON. */
export function parseSpan(event: Buffer, span: Span | null): unknown {
  if (span === null) return undefined;
  try {
    return JSON.parse(event.toString("utf8", span.start, span.end));
  } catch {
    return undefined; // Balanced but no JSON: relayed, not understood.
  }
}

/** The inside of a string value; "" when it is none. */
export function stringIn(event: Buffer, span: Span | null): string {
  if (span === null || event[span.start] !== QUOTE) return "";
  return event.toString("utf8", span.start + 1, span.end - 1);
}

/** The byte after the value at `at`; -1 when it does not end. */
export function valueEnd(event: Buffer, at: number, to: number): number {
  const first = event[at];
  if (first === QUOTE) {
    const close = closingQuote(event, at, to);
    return close < 0 ? -1 : close + 1;
  }
  if (first === 0x7b || first === 0x5b) return closingBracket(event, at, to);
  for (let position = at; position < to; position++) {
    const byte = event[position];
    if (byte === 0x2c || byte === 0x7d || byte === 0x5d) return position > at ? position : -1;
  }
  return -1;
}
