/** Short texts that come again and again (names of members, of models), without a new string for each time: to make one costs as much as to compare thirty bytes. */
import { latin1Text } from "./byte-slices.ts";

/** Longer ones are not looked at. */
const MAX_BYTES = 64;
/** Texts remembered, each in the place that its ends give it: the later of two that share it stays. */
const PLACES = 256;

const known = new Array<string>(PLACES).fill("");

/** The text [start, end) of printable ASCII that stands for itself in a JSON string; null when it is long, or another. */
export function plainText(bytes: Buffer, start: number, end: number): string | null {
  const length = end - start;
  if (length <= 0) return "";
  if (length > MAX_BYTES) return null;
  const place = (31 * length + 7 * (bytes[start] ?? 0) + 17 * (bytes[end - 1] ?? 0)) % PLACES;
  const text = known[place] ?? "";
  if (text.length === length && spells(bytes, start, text)) return text;
  if (!isPlain(bytes, start, end)) return null;
  const made = latin1Text(bytes, start, end);
  known[place] = made;
  return made;
}

function spells(bytes: Buffer, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}

function isPlain(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c) return false;
  }
  return true;
}
