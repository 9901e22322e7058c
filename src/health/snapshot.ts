/** A target's state as plain JSON data for `[state]`, and back. Waits are kept as time left: a boot may have no clock. */
import type { BenchReason } from "./bench.ts";
import type { CircuitRecord } from "./circuit.ts";
import type { TargetHealth } from "./target-health.ts";

export interface HealthRecord {
  readonly savedWall: number;
  /** Averages in milliseconds, -1 = cold; provisional values are not kept. */
  readonly stream: number;
  readonly whole: number;
  readonly success: number;
  readonly firstContents: readonly number[];
  readonly wholeTimes: readonly number[];
  readonly circuit: CircuitRecord;
  readonly cooldownLeft: number;
  readonly bench: readonly (readonly [string, number, BenchReason])[];
  readonly quota: readonly {
    readonly kind: string;
    readonly limit: number;
    readonly remaining: number;
    readonly resetMs: number;
  }[];
  readonly offline: boolean;
  readonly totals: {
    readonly attempts: number;
    readonly successes: number;
    readonly failures: number;
    readonly tokensIn: number;
    readonly tokensOut: number;
    readonly lastAt: number;
  };
}

/** No wait read from a file is believed beyond a day. */
const MAX_WAIT = 86_400_000;

export function recordOf(health: TargetHealth, now: number, wall: number): HealthRecord {
  return {
    savedWall: wall,
    stream: health.stream.settled,
    whole: health.whole.settled,
    success: health.success.value,
    firstContents: health.firstContents.toArray(),
    wholeTimes: health.wholeTimes.toArray(),
    circuit: health.circuit.record(now, health.options.circuit),
    cooldownLeft: Math.max(0, health.cooldownUntil - now),
    bench: health.bench.record(now),
    quota: health.quota.record(now),
    offline: health.offline,
    totals: { ...health.totals },
  };
}

/**
 * Fills a fresh state. The record comes from a file, so every member is checked; a bad one leaves its default. Time
 * that passed while we were off is taken from the waits, but never added when the clock stands before the writing.
 */
export function restoreInto(health: TargetHealth, record: unknown, now: number, wall: number): void {
  if (!isObject(record)) return;
  const off = Math.max(0, wall - numberIn(record["savedWall"], 0, Number.MAX_SAFE_INTEGER, wall));
  const left = (value: unknown) => Math.max(0, numberIn(value, 0, MAX_WAIT, 0) - off);

  const stream = numberIn(record["stream"], 0, MAX_WAIT, -1);
  const whole = numberIn(record["whole"], 0, MAX_WAIT, -1);
  health.stream.setAfresh(stream < 0 ? null : stream);
  health.whole.setAfresh(whole < 0 ? null : whole);
  health.success.value = numberIn(record["success"], 0, 1, 1);
  for (const ms of arrayIn(record["firstContents"])) addTime(health.firstContents, ms);
  for (const ms of arrayIn(record["wholeTimes"])) addTime(health.wholeTimes, ms);
  if (isObject(record["circuit"])) {
    const circuit = record["circuit"];
    health.circuit.restore(
      {
        failures: Math.floor(numberIn(circuit["failures"], 0, 1e6, 0)),
        open: circuit["open"] === true,
        waitLeft: Math.min(left(circuit["waitLeft"]), health.options.circuit.cooldownMax),
        quickProbes: Math.floor(numberIn(circuit["quickProbes"], 0, 1e6, 0)),
        doublings: Math.floor(numberIn(circuit["doublings"], 0, 30, 0)),
        quick: circuit["quick"] !== false,
      },
      now,
    );
  }
  health.cooldownUntil = now + left(record["cooldownLeft"]);
  for (const place of arrayIn(record["bench"])) {
    if (!Array.isArray(place)) continue;
    const [endpoint, wait, reason]: unknown[] = place;
    if (typeof endpoint !== "string" || (reason !== "credential" && reason !== "model")) continue;
    if (left(wait) > 0) health.bench.put(endpoint, now + left(wait), reason);
  }
  for (const reading of arrayIn(record["quota"])) restoreQuota(health, reading, now, off);
  health.offline = record["offline"] === true;
  restoreTotals(health, record["totals"]);
}

function restoreQuota(health: TargetHealth, reading: unknown, now: number, off: number): void {
  if (!isObject(reading)) return;
  const kind = reading["kind"];
  if (kind !== "requests" && kind !== "tokens" && kind !== "input_tokens" && kind !== "output_tokens") return;
  const resetMs = numberIn(reading["resetMs"], 0, MAX_WAIT, 0) - off;
  if (resetMs <= 0) return;
  const limit = numberIn(reading["limit"], 0, Number.MAX_SAFE_INTEGER, 0);
  const remaining = numberIn(reading["remaining"], 0, Number.MAX_SAFE_INTEGER, 0);
  health.quota.learn({ kind, limit, remaining, resetMs }, now);
}

function restoreTotals(health: TargetHealth, totals: unknown): void {
  if (!isObject(totals)) return;
  for (const name of ["attempts", "successes", "failures", "tokensIn", "tokensOut", "lastAt"] as const) {
    health.totals[name] = numberIn(totals[name], 0, Number.MAX_SAFE_INTEGER, 0);
  }
}

function addTime(times: { add(ms: number): void }, ms: unknown): void {
  const value = numberIn(ms, 0, MAX_WAIT, -1);
  if (value >= 0) times.add(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function arrayIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, 64) : [];
}

function numberIn(value: unknown, min: number, max: number, otherwise: number): number {
  return typeof value === "number" && value >= min && value <= max ? value : otherwise;
}
