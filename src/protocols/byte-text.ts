/** Small tests on bytes of an event, for inspectors that do not parse. */

/** True when the bytes at `at` spell `text` (ASCII). */
export function spells(buffer: Buffer, at: number, length: number, text: string): boolean {
  if (length !== text.length) return false;
  for (let i = 0; i < length; i++) {
    if (buffer[at + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** The closing quote of the string whose opening quote stands at `at`; -1 when it does not end before `end`. */
export function closingQuote(buffer: Buffer, at: number, end: number): number {
  let position = at + 1;
  while (position < end) {
    const byte = buffer[position];
    if (byte === 0x22) return position;
    position += byte === 0x5c ? 2 : 1;
  }
  return -1;
}

export function afterSpace(buffer: Buffer, at: number, end: number): number {
  let position = at;
  while (position < end) {
    const byte = buffer[position];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) break;
    position++;
  }
  return position;
}

const QUOTE = 0x22;

/** The string value at `value`; "" when it is none. */
export function stringAt(event: Buffer, value: number, to: number): string {
  if (event[value] !== QUOTE) return "";
  const close = closingQuote(event, value, to);
  return close < 0 ? "" : event.toString("utf8", value + 1, close);
}

/** Whether the value at `value` is the string `text` (ASCII, unescaped): no string is made of it. */
export function saysAt(event: Buffer, value: number, to: number, text: string): boolean {
  const close = value + 1 + text.length;
  if (close >= to || event[value] !== QUOTE || event[close] !== QUOTE) return false;
  return spells(event, value + 1, text.length, text);
}

/** The byte after the object or array that opens at `at`; -1 when it does not end. */
export function closingBracket(event: Buffer, at: number, to: number): number {
  let depth = 0;
  let position = at;
  while (position < to) {
    const byte = event[position];
    if (byte === QUOTE) {
      const close = closingQuote(event, position, to);
      if (close < 0) return -1;
      position = close + 1;
      continue;
    }
    position++;
    if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) {
      depth--;
      if (depth === 0) return position;
    }
  }
  return -1;
}
