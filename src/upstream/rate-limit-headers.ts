/** Reads how long a provider asks to wait and what it has left for us, out of everyone's own headers. */
import type { Clock } from "../base/clock.ts";
import { type HeaderList, headerValue } from "../base/headers.ts";
import type { QuotaKind, QuotaReading } from "../base/rate-limits.ts";

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
  if (simple >= 0) return clamp(simple);
  if (/^\d+(\.\d+)?$/.test(text)) return clamp(Number(text) * 1000);
  if (text === "" || text.length > 40 || !/^(\d+(\.\d+)?(d|h|ms|m|s))+$/.test(text)) return null;
  let total = 0;
  for (const [, amount, , unit] of text.matchAll(/(\d+(\.\d+)?)(d|h|ms|m|s)/g)) {
    total += Number(amount) * (UNITS[unit ?? ""] ?? 0);
  }
  return clamp(total);
}

/** Digits with `ms`, `s` or nothing behind them, which most are, without an expression for each; -1 = something else. */
function simpleDuration(text: string): number {
  const unit = text.endsWith("ms") ? 2 : text.endsWith("s") ? 1 : 0;
  const amount = digits(text, text.length - unit);
  return amount < 0 ? -1 : unit === 2 ? amount : amount * 1000;
}

/** The number that the first `end` characters spell, at most nine of them; -1 = they are no digits. */
function digits(text: string, end: number): number {
  if (end < 1 || end > 9) return -1;
  let value = 0;
  for (let i = 0; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

const UNITS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

interface Raw {
  /** Kind and window, e.g. `tokens-day`: one quota's three headers have the same. */
  readonly key: string;
  readonly kind: QuotaKind | undefined;
  limit: number;
  remaining: number;
  /** null = not said, or not to be read. */
  resetMs: number | null;
}

/**
 * The quotas an answer tells of: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` (reset = duration) and
 * `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}` (reset = RFC 3339).
 * What cannot be read is left out. Of two quotas of a kind (per minute, per day) the scarcer one.
 */
export function quotaReadings(headers: HeaderList, clock: Pick<Clock, "wall">): readonly QuotaReading[] {
  let raw: Raw[] | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? "";
    if (!maySpeakOfQuota(name)) continue;
    const named = USUAL.get(name) ?? readName(name);
    if (named === null) continue;
    raw ??= [];
    const entry = entryOf(raw, named);
    const value = headers[i + 1] ?? "";
    if (named.part === "reset") {
      entry.resetMs = resetIn(value, headers, clock);
      continue;
    }
    const amount = readAmount(value);
    if (amount < 0) continue;
    if (named.part === "limit") entry.limit = amount;
    else entry.remaining = amount;
  }
  if (raw === null) return NONE;
  const readings: QuotaReading[] = [];
  for (let i = 0; i < raw.length; i++) {
    const { kind, limit, remaining, resetMs } = raw[i] as Raw;
    if (kind === undefined || resetMs === null || !(limit > 0) || !(remaining >= 0)) continue;
    addScarcer(readings, { kind, limit, remaining, resetMs });
  }
  return readings;
}

/** Most names are told by their length or a letter, which costs less than a look into a table. */
function maySpeakOfQuota(name: string): boolean {
  if (name.length < 20) return false;
  const letter = name.charCodeAt(2);
  return letter === 0x72 || letter === 0x74; // x-Ratelimit-, anThropic-ratelimit-
}

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

const NONE: readonly QuotaReading[] = [];

const KIND_OF: Readonly<Record<string, QuotaKind>> = {
  requests: "requests",
  tokens: "tokens",
  "input-tokens": "input_tokens",
  "output-tokens": "output_tokens",
};

const NAMES =
  /^(?:x-ratelimit-(limit|remaining|reset)-(requests|tokens)((?:-\w+)?)|anthropic-ratelimit-(requests|tokens|input-tokens|output-tokens)-(limit|remaining|reset))$/;

type Part = "limit" | "remaining" | "reset";

/** What a header's name says. */
interface Named {
  readonly key: string;
  readonly kind: QuotaKind | undefined;
  readonly part: Part;
}

/** The usual names, looked up; others (`…-tokens-usage-based`) are read. */
const USUAL: ReadonlyMap<string, Named> = new Map(
  (["limit", "remaining", "reset"] as const).flatMap((part): [string, Named][] => [
    ...["requests", "tokens"].map((kind): [string, Named] => [
      `x-ratelimit-${part}-${kind}`,
      { key: kind, kind: KIND_OF[kind], part },
    ]),
    ...Object.keys(KIND_OF).map((kind): [string, Named] => [
      `anthropic-ratelimit-${kind}-${part}`,
      { key: kind, kind: KIND_OF[kind], part },
    ]),
  ]),
);

function readName(name: string): Named | null {
  if (!name.startsWith("x-ratelimit-") && !name.startsWith("anthropic-ratelimit-")) return null;
  const found = NAMES.exec(name);
  if (found === null) return null;
  const kind = found[2] ?? found[4] ?? "";
  return { key: `${kind}${found[3] ?? ""}`, kind: KIND_OF[kind], part: (found[1] ?? found[5]) as Part };
}

function entryOf(raw: Raw[], { key, kind }: Named): Raw {
  for (let i = 0; i < raw.length; i++) {
    const entry = raw[i] as Raw;
    if (entry.key === key) return entry;
  }
  const entry: Raw = { key, kind, limit: -1, remaining: -1, resetMs: null };
  raw.push(entry);
  return entry;
}

/** -1 = it is no number. */
function readAmount(value: string): number {
  const amount = digits(value, value.length);
  if (amount >= 0) return amount;
  const trimmed = value.trim();
  return /^\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : -1;
}

/** A duration, an RFC 3339 time, or seconds or milliseconds since 1970; milliseconds from the answer's own time. */
function resetIn(text: string, headers: HeaderList, clock: Pick<Clock, "wall">): number | null {
  // Most are durations, for which nobody's clock has to be read.
  const simple = simpleDuration(text);
  if (simple >= 0 && text.length < 10) return clamp(simple);
  const value = text.trim();
  if (value.length < 10) return duration(value);
  if (/^\d{4}-\d\d-\d\dT/.test(value)) {
    const time = Date.parse(value);
    return Number.isNaN(time) ? null : believable(time - serverTime(headers, clock.wall()));
  }
  if (/^\d{13}$/.test(value)) return believable(Number(value) - serverTime(headers, clock.wall()));
  if (/^\d{10}$/.test(value)) return believable(Number(value) * 1000 - serverTime(headers, clock.wall()));
  return duration(value);
}

function believable(ms: number): number | null {
  return ms > LONGEST_WAIT ? null : Math.max(0, ms);
}

function addScarcer(readings: QuotaReading[], reading: QuotaReading): void {
  for (let at = 0; at < readings.length; at++) {
    const other = readings[at] as QuotaReading;
    if (other.kind !== reading.kind) continue;
    if (reading.remaining / reading.limit < other.remaining / other.limit) readings[at] = reading;
    return;
  }
  readings.push(reading);
}

/** The provider's own clock where the answer names it: ours may not be set (a router has no battery for it). */
function serverTime(headers: HeaderList, wall: number): number {
  const date = Date.parse(headerValue(headers, "date"));
  return Number.isNaN(date) ? wall : date;
}

function clamp(ms: number): number {
  return Math.min(Math.max(0, ms), LONGEST_WAIT);
}
