/** Arithmetic on neutral usage: null means unknown, which is not zero. */
import type { Usage } from "./neutral.ts";

export const NO_USAGE: Usage = {
  input: null,
  cacheRead: null,
  cacheWrite: null,
  cacheWriteLong: null,
  output: null,
  reasoning: null,
};

/** A token count out of untrusted JSON; null when it is none. */
export function tokenCount(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? Math.floor(value) : null;
}

/** Stream figures are cumulative: what is known now overwrites, what is not stays (envoy ai-gateway #2239). */
export function mergeUsage(old: Usage | null, next: Usage): Usage {
  if (old === null) return next;
  return {
    input: next.input ?? old.input,
    cacheRead: next.cacheRead ?? old.cacheRead,
    cacheWrite: next.cacheWrite ?? old.cacheWrite,
    cacheWriteLong: next.cacheWriteLong ?? old.cacheWriteLong,
    output: next.output ?? old.output,
    reasoning: next.reasoning ?? old.reasoning,
  };
}

/** Of two attempts that were both paid for; what only one of them reported is that one's. */
export function addUsage(one: Usage | null, other: Usage): Usage {
  if (one === null) return other;
  return {
    input: addCounts(one.input, other.input),
    cacheRead: addCounts(one.cacheRead, other.cacheRead),
    cacheWrite: addCounts(one.cacheWrite, other.cacheWrite),
    cacheWriteLong: addCounts(one.cacheWriteLong, other.cacheWriteLong),
    output: addCounts(one.output, other.output),
    reasoning: addCounts(one.reasoning, other.reasoning),
  };
}

function addCounts(one: number | null, other: number | null): number | null {
  return one === null ? other : one + (other ?? 0);
}

/** Input that was neither read from nor written to a cache: Anthropic's `input_tokens`. */
export function uncachedInput(usage: Usage): number {
  const cached = (usage.cacheRead ?? 0) + (usage.cacheWrite ?? 0) + (usage.cacheWriteLong ?? 0);
  return Math.max(0, (usage.input ?? 0) - cached);
}

export function totalTokens(usage: Usage): number {
  return (usage.input ?? 0) + (usage.output ?? 0);
}

/** True when it says nothing at all. */
export function isEmptyUsage(usage: Usage): boolean {
  return usage.input === null && usage.output === null && usage.cacheRead === null;
}
