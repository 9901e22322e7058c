/** Reads what a provider has left for us out of the lines of a head: which ones tell of it is found once for all heads with the same names. */
import type { Clock } from "../base/clock.ts";
import type { HeaderList } from "../base/headers.ts";
import type { QuotaKind, QuotaReading } from "../base/rate-limits.ts";
import type { HeadNames } from "./head-names.ts";
import { digits, mayNeedClock, resetIn } from "./rate-limit-headers.ts";

type WallClock = Pick<Clock, "wall">;

/**
 * The quotas an answer tells of: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` (reset = duration) and
 * `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}` (reset = RFC 3339).
 * What cannot be read is left out. Of two quotas of a kind (per minute, per day) the scarcer one. Where `names` are given,
 * the readings are valid until the next ones with the same.
 */
export function quotaReadings(
  headers: HeaderList,
  clock: WallClock,
  names: HeadNames | null = null,
): readonly QuotaReading[] {
  if (names === null) return new QuotaLines(headers).read(headers, clock);
  names.quota ??= new QuotaLines(headers);
  return names.quota.read(headers, clock);
}

/** A longer value is not kept: no quota is. */
const MAX_KEPT = 16;

const NONE: readonly QuotaReading[] = [];

interface Quota {
  /** Kind and window, e.g. `tokens-day`: one quota's three headers have the same. */
  readonly key: string;
  /** What it says of itself; null = the kind is none that is known. Written over with each head. */
  readonly reading: { readonly kind: QuotaKind; limit: number; remaining: number; resetMs: number } | null;
  limit: number;
  remaining: number;
  /** null = not said, or not to be read. */
  resetMs: number | null;
}

interface QuotaLine {
  /** Of the value, in the list. */
  readonly at: number;
  readonly quota: Quota;
  readonly part: Part;
  /** The value that was read last, where it says the same at any time; null = there is none. */
  value: string | null;
  /** What it says: less than 0, or null, = it cannot be read. */
  said: number | null;
}

export class QuotaLines {
  readonly #lines: QuotaLine[] = [];
  readonly #quotas: Quota[] = [];
  /** Used again: a list of its own for each head, with an object for each quota, would be most of what reading them takes. */
  readonly #readings: QuotaReading[] = [];

  /** From the names of a head. */
  constructor(headers: HeaderList) {
    for (let i = 0; i < headers.length; i += 2) {
      const named = readName(headers[i] ?? "");
      if (named === null) continue;
      const { part } = named;
      this.#lines.push({ at: i + 1, quota: this.#quotaOf(named), part, value: null, said: null });
    }
  }

  /** `headers` has the same names. The list and what it holds are valid until the next call. */
  read(headers: HeaderList, clock: WallClock): readonly QuotaReading[] {
    if (this.#lines.length === 0) return NONE;
    if (this.#readLines(headers, clock)) this.#collect();
    return this.#readings;
  }

  /** False: all is as before. */
  #readLines(headers: HeaderList, clock: WallClock): boolean {
    const lines = this.#lines;
    let isSame = true;
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i] as QuotaLine;
      const value = headers[line.at] ?? "";
      if (value === line.value) continue;
      isSame = false;
      line.said = line.part === "reset" ? resetIn(value, headers, clock) : readAmount(value);
      const keep = value.length <= MAX_KEPT && !(line.part === "reset" && mayNeedClock(value));
      line.value = keep ? value : null;
    }
    return !isSame;
  }

  #collect(): void {
    const quotas = this.#quotas;
    for (let i = 0; i < quotas.length; i++) {
      const quota = quotas[i] as Quota;
      quota.limit = -1;
      quota.remaining = -1;
      quota.resetMs = null;
    }
    const lines = this.#lines;
    for (let i = 0; i < lines.length; i++) {
      const { quota, part, said } = lines[i] as QuotaLine;
      if (part === "reset") quota.resetMs = said;
      else if (said === null || said < 0) continue;
      else if (part === "limit") quota.limit = said;
      else quota.remaining = said;
    }
    const readings = this.#readings;
    let count = 0;
    for (let i = 0; i < quotas.length; i++) {
      const { reading, limit, remaining, resetMs } = quotas[i] as Quota;
      if (reading === null || resetMs === null || !(limit > 0) || !(remaining >= 0)) continue;
      reading.limit = limit;
      reading.remaining = remaining;
      reading.resetMs = resetMs;
      count = addScarcer(readings, count, reading);
    }
    if (readings.length > count) readings.length = count;
  }

  #quotaOf({ key, kind }: Named): Quota {
    for (const quota of this.#quotas) if (quota.key === key) return quota;
    const reading = kind === undefined ? null : { kind, limit: 0, remaining: 0, resetMs: 0 };
    const quota: Quota = { key, reading, limit: -1, remaining: -1, resetMs: null };
    this.#quotas.push(quota);
    return quota;
  }
}

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

function readName(name: string): Named | null {
  if (!name.startsWith("x-ratelimit-") && !name.startsWith("anthropic-ratelimit-")) return null;
  const found = NAMES.exec(name);
  if (found === null) return null;
  const kind = found[2] ?? found[4] ?? "";
  return { key: `${kind}${found[3] ?? ""}`, kind: KIND_OF[kind], part: (found[1] ?? found[5]) as Part };
}

/** -1 = it is no number. */
function readAmount(value: string): number {
  const amount = digits(value, value.length);
  if (amount >= 0) return amount;
  const trimmed = value.trim();
  return /^\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : -1;
}

/** Returns how many there are then. */
function addScarcer(readings: QuotaReading[], count: number, reading: QuotaReading): number {
  for (let at = 0; at < count; at++) {
    const other = readings[at] as QuotaReading;
    if (other.kind !== reading.kind) continue;
    if (reading.remaining / reading.limit < other.remaining / other.limit) readings[at] = reading;
    return count;
  }
  readings[count] = reading;
  return count + 1;
}
