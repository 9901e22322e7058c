/** Reads how long a provider asks to wait, out of everyone's own headers. */
import type { Clock } from "../base/clock.ts";
import { type HeaderList, headerValue } from "../base/headers.ts";
import type { QuotaReading } from "../base/rate-limits.ts";

/** No provider's wait is believed beyond a day: an unset clock would make it decades. */
export const LONGEST_WAIT = 86_400_000;

/**
 * Milliseconds the answer asks to wait: `retry-after-ms`, else `retry-after` (seconds or an HTTP date); null when it
 * names none or nothing that can be read. `wall` is our clock, used where the answer has no `date` of its own.
 */
export function retryAfter(headers: HeaderList, wall: number): number | null {
  const inMs = headerValue(headers, "retry-after-ms").trim();
  if (/^\d+(\.\d+)?$/.test(inMs)) return clamp(Number(inMs));
  const value = headerValue(headers, "retry-after").trim();
  if (value === "") return null;
  if (/^\d+(\.\d+)?$/.test(value)) return clamp(Number(value) * 1000);
  // RFC 9110 5.6.7; Date.parse alone would take "tomorrow, 5" for a date.
  if (!/^[A-Z][a-z]{2,8}, \d\d[ -][A-Z][a-z]{2}[ -]\d{2,4} \d\d:\d\d:\d\d GMT$/.test(value)) return null;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : clamp(date - serverTime(headers, wall));
}

/** "Please try again in 7.66s", "retry after 26 seconds": some say it in the message only. null = not said. */
export function waitInMessage(message: string): number | null {
  const said = /(?:try again|retry) (?:in|after) (?:about )?(\d[\d.a-z ]{0,40})/i.exec(
    message.slice(0, 2000),
  );
  if (said === null) return null;
  const part = /\s*(\d+(?:\.\d+)?)\s*(ms|milliseconds?|h|hours?|m|min|minutes?|s|secs?|seconds?)(?![a-z])/iy;
  let total = -1;
  for (let found = part.exec(said[1] ?? ""); found !== null; found = part.exec(said[1] ?? "")) {
    const word = (found[2] ?? "").toLowerCase();
    const unit = word.startsWith("mil") || word === "ms" ? "ms" : word.charAt(0);
    total = Math.max(0, total) + Number(found[1]) * (UNITS[unit] ?? 0);
  }
  return total < 0 ? null : clamp(total);
}

/** `1s`, `6m0s`, `20ms`, `1h2m3.5s`, or bare seconds, as milliseconds; null when it is none of these. */
export function duration(text: string): number | null {
  const simple = simpleDuration(text);
  const ms = simple >= 0 ? simple : spelledDuration(text);
  return ms < 0 ? null : clamp(ms);
}

/** -1 = something else. By hand: most answers have two such values, and expressions took ten times as long. */
function spelledDuration(text: string): number {
  const { length } = text;
  let total = 0;
  for (let at = 0; at < length; ) {
    const end = endOfNumber(text, at);
    if (end < 0) return -1;
    const amount = Number(text.slice(at, end));
    if (end === length) return at === 0 ? amount * 1000 : -1;
    const isMs = text.startsWith("ms", end);
    const unit = isMs ? 1 : (UNITS[text.charAt(end)] ?? 0);
    if (unit === 0) return -1;
    total += amount * unit;
    at = end + (isMs ? 2 : 1);
  }
  return length === 0 || length > MAX_SPELLED ? -1 : total;
}

/** Behind the digits at `start` and, after a dot, more of them; -1 = there are none. */
function endOfNumber(text: string, start: number): number {
  const whole = endOfDigits(text, start);
  if (whole === start || text.charCodeAt(whole) !== DOT) return whole === start ? -1 : whole;
  const end = endOfDigits(text, whole + 1);
  return end === whole + 1 ? -1 : end;
}

function endOfDigits(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at++) {
    const byte = text.charCodeAt(at);
    if (byte < 0x30 || byte > 0x39) break;
  }
  return at;
}

/** Digits with `ms`, `s` or nothing behind them, which most are, without an expression for each; -1 = something else. */
function simpleDuration(text: string): number {
  const unit = text.endsWith("ms") ? 2 : text.endsWith("s") ? 1 : 0;
  const amount = digits(text, text.length - unit);
  return amount < 0 ? -1 : unit === 2 ? amount : amount * 1000;
}

/** The number that the first `end` characters spell, at most nine of them; -1 = they are no digits. */
export function digits(text: string, end: number): number {
  if (end < 1 || end > 9) return -1;
  let value = 0;
  for (let i = 0; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

const DOT = 0x2e;
/** Of a duration with units. */
const MAX_SPELLED = 40;
const UNITS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/**
 * How long a 429 without Retry-After should be left alone, by its own headers: a used-up quota refills evenly until
 * its reset, so `need` is there after `reset * need / (limit - remaining)`. null when no quota is used up.
 */
export function waitByQuota(readings: readonly QuotaReading[], needTokens: number): number | null {
  let wait: number | null = null;
  for (const { kind, limit, remaining, resetMs } of readings) {
    const need = kind === "requests" ? 1 : Math.max(1, needTokens);
    if (remaining >= need) continue;
    const full = limit > remaining ? (resetMs * need) / (limit - remaining) : resetMs;
    wait = Math.max(wait ?? 0, Math.min(full, resetMs));
  }
  return wait;
}

/** A duration, an RFC 3339 time, or seconds or milliseconds since 1970; milliseconds from the answer's own time. */
export function resetIn(text: string, headers: HeaderList, clock: Pick<Clock, "wall">): number | null {
  // Most are durations, for which nobody's clock has to be read.
  const simple = simpleDuration(text);
  if (simple >= 0 && !mayNeedClock(text)) return clamp(simple);
  const value = text.trim();
  if (!mayNeedClock(value)) return duration(value);
  if (/^\d{4}-\d\d-\d\dT/.test(value)) {
    const time = Date.parse(value);
    return Number.isNaN(time) ? null : believable(time - serverTime(headers, clock.wall()));
  }
  if (/^\d{13}$/.test(value)) return believable(Number(value) - serverTime(headers, clock.wall()));
  if (/^\d{10}$/.test(value)) return believable(Number(value) * 1000 - serverTime(headers, clock.wall()));
  return duration(value);
}

/** Whether a reset may be a moment, not a duration. */
export function mayNeedClock(text: string): boolean {
  return text.length >= 10;
}

function believable(ms: number): number | null {
  return ms > LONGEST_WAIT ? null : Math.max(0, ms);
}

/** The provider's own clock where the answer names it: ours may not be set (a router has no battery for it). */
function serverTime(headers: HeaderList, wall: number): number {
  const date = Date.parse(headerValue(headers, "date"));
  return Number.isNaN(date) ? wall : date;
}

function clamp(ms: number): number {
  return Math.min(Math.max(0, ms), LONGEST_WAIT);
}
