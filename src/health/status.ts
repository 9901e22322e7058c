/** One word for a target's condition, and its figures, for `/status`, metrics and the console. */
import type { QuotaReading } from "../base/rate-limits.ts";
import type { CircuitState } from "./circuit.ts";
import type { TargetHealth, Totals } from "./target-health.ts";

export type StatusWord =
  | "cold"
  | "warm"
  | "degraded"
  | "suspect"
  | "open"
  | "limited"
  | "benched"
  | "misconfigured"
  | "offline";

/** Below this success average a target that is asked all the same counts as degraded: one failure is enough. */
const DEGRADED_BELOW = 0.9;

/** The most serious condition wins: what a person must act on stands before what passes by itself. */
export function statusWord(health: TargetHealth, now: number): StatusWord {
  if (health.offline) return "offline";
  const benched = health.bench.reason(now);
  if (benched === "model") return "misconfigured";
  if (benched === "credential") return "benched";
  if (health.circuit.isOpen || health.clockWrong) return "open";
  if (health.suspect) return "suspect";
  if (
    now < health.cooldownUntil ||
    health.quota.readyAt({ inputTokens: 1, inputAtMost: 1, outputTokens: 1 }, now) > now
  ) {
    return "limited";
  }
  if (health.success.value < DEGRADED_BELOW) return "degraded";
  return health.stream.settled < 0 && health.whole.settled < 0 ? "cold" : "warm";
}

export interface TargetStatus {
  readonly status: StatusWord;
  /** Milliseconds; null while cold. */
  readonly streamLatency: number | null;
  readonly wholeLatency: number | null;
  /** 1 - success average. */
  readonly errorRate: number;
  readonly circuit: CircuitState;
  /** Milliseconds left; 0 = none. */
  readonly circuitLeft: number;
  readonly cooldownLeft: number;
  readonly quota: readonly QuotaReading[];
  readonly totals: Totals;
}

export function statusOf(health: TargetHealth, now: number): TargetStatus {
  const circuit = health.circuit.state(now);
  return {
    status: statusWord(health, now),
    streamLatency: health.stream.settled < 0 ? null : health.stream.settled,
    wholeLatency: health.whole.settled < 0 ? null : health.whole.settled,
    errorRate: 1 - health.success.value,
    circuit,
    circuitLeft: circuit === "open" ? health.circuit.waitUntil - now : 0,
    cooldownLeft: Math.max(0, health.cooldownUntil - now),
    quota: health.quota.record(now),
    totals: { ...health.totals },
  };
}
