/** One pass over the keys of a JSON event by bytes, for inspectors that do not parse. */
import { afterSpace, closingQuote } from "./byte-text.ts";

export interface MemberSink {
  /** A key [key, key+length) at `depth` (1 = the event's own members), its value begins at `value`. */
  onMember(event: Buffer, key: number, length: number, value: number, to: number, depth: number): void;
}

/** False when [from, to) is not one object with balanced brackets and ended strings. */
export function walkMembers(event: Buffer, from: number, to: number, sink: MemberSink): boolean {
  let depth = 0;
  let at = from;
  while (at < to) {
    const byte = event[at];
    if (byte === 0x22) {
      const close = closingQuote(event, at, to);
      if (close < 0) return false;
      const next = afterSpace(event, close + 1, to);
      if (next >= to || event[next] !== 0x3a) {
        at = close + 1;
        continue;
      }
      const value = afterSpace(event, next + 1, to);
      if (value >= to) return false;
      sink.onMember(event, at + 1, close - at - 1, value, to, depth);
      at = value;
      continue;
    }
    if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) {
      depth--;
      if (depth === 0) return byte === 0x7d && afterSpace(event, at + 1, to) === to;
    }
    at++;
  }
  return false;
}
