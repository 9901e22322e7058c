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
 * What cannot be read is left out. Of two quotas of a kind (per minute, per day) the scarcer one.
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
  readonly kind: QuotaKind | undefined;
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
}

export class QuotaLines {
  readonly #lines: QuotaLine[] = [];
  readonly #quotas: Quota[] = [];
  /** The values that were read last, and what they say whatever the time is; none where some value needs the clock. */
  readonly #values: string[] = [];
  #readings = NONE;

  /** From the names of a head. */
  constructor(headers: HeaderList) {
    for (let i = 0; i < headers.length; i += 2) {
      const named = readName(headers[i] ?? "");
      if (named !== null) this.#lines.push({ at: i + 1, quota: this.#quotaOf(named), part: named.part });
    }
  }

  /** `headers` has the same names. */
  read(headers: HeaderList, clock: WallClock): readonly QuotaReading[] {
    if (this.#lines.length === 0) return NONE;
    if (this.#isAsBefore(headers)) return this.#readings;
    const kept = this.#readLines(headers, clock);
    const readings = this.#collect();
    this.#readings = readings;
    if (!kept) this.#values.length = 0;
    return readings;
  }

  #isAsBefore(headers: HeaderList): boolean {
    const lines = this.#lines;
    const values = this.#values;
    if (values.length !== lines.length) return false;
    for (let i = 0; i < lines.length; i++)
      if (values[i] !== headers[(lines[i] as QuotaLine).at]) return false;
    return true;
  }

  /** False: what they say must not be kept. */
  #readLines(headers: HeaderList, clock: WallClock): boolean {
    const lines = this.#lines;
    const quotas = this.#quotas;
    for (let i = 0; i < quotas.length; i++) {
      const quota = quotas[i] as Quota;
      quota.limit = -1;
      quota.remaining = -1;
      quota.resetMs = null;
    }
    let kept = true;
    for (let i = 0; i < lines.length; i++) {
      const { at, quota, part } = lines[i] as QuotaLine;
      const value = headers[at] ?? "";
      this.#values[i] = value;
      if (value.length > MAX_KEPT) kept = false;
      if (part === "reset") {
        if (mayNeedClock(value)) kept = false;
        quota.resetMs = resetIn(value, headers, clock);
        continue;
      }
      const amount = readAmount(value);
      if (amount < 0) continue;
      if (part === "limit") quota.limit = amount;
      else quota.remaining = amount;
    }
    return kept;
  }

  #collect(): QuotaReading[] {
    const readings: QuotaReading[] = [];
    for (let i = 0; i < this.#quotas.length; i++) {
      const { kind, limit, remaining, resetMs } = this.#quotas[i] as Quota;
      if (kind === undefined || resetMs === null || !(limit > 0) || !(remaining >= 0)) continue;
      addScarcer(readings, { kind, limit, remaining, resetMs });
    }
    return readings;
  }

  #quotaOf({ key, kind }: Named): Quota {
    for (const quota of this.#quotas) if (quota.key === key) return quota;
    const quota: Quota = { key, kind, limit: -1, remaining: -1, resetMs: null };
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

function addScarcer(readings: QuotaReading[], reading: QuotaReading): void {
  for (let at = 0; at < readings.length; at++) {
    const other = readings[at] as QuotaReading;
    if (other.kind !== reading.kind) continue;
    if (reading.remaining / reading.limit < other.remaining / other.limit) readings[at] = reading;
    return;
  }
  readings.push(reading);
}
