/** Anthropic's `usage` <-> neutral usage (40-protocols 2.2): its `input_tokens` leaves the cached ones out. */
import { objectOf } from "../json-value.ts";
import type { Usage } from "../neutral.ts";
import { tokenCount, uncachedInput } from "../usage.ts";

/**
 * Raw figures as they come; all of a stream's are cumulative and may be null. Kept apart from neutral usage because
 * `input` is a sum that single events do not hold.
 */
export interface AnthropicCounts {
  input: number | null;
  cacheRead: number | null;
  cacheCreation: number | null;
  cacheLong: number | null;
  output: number | null;
  thinking: number | null;
}

export function emptyCounts(): AnthropicCounts {
  return { input: null, cacheRead: null, cacheCreation: null, cacheLong: null, output: null, thinking: null };
}

/** Overwrites `counts` with what a `usage` member says; null leaves what was known. Returns whether it said anything. */
export function readCounts(value: unknown, counts: AnthropicCounts): boolean {
  const usage = objectOf(value);
  if (usage === undefined) return false;
  const creation = objectOf(usage.cache_creation);
  counts.input = tokenCount(usage.input_tokens) ?? counts.input;
  counts.cacheRead = tokenCount(usage.cache_read_input_tokens) ?? counts.cacheRead;
  counts.cacheCreation = tokenCount(usage.cache_creation_input_tokens) ?? counts.cacheCreation;
  counts.cacheLong = tokenCount(creation?.ephemeral_1h_input_tokens) ?? counts.cacheLong;
  counts.output = tokenCount(usage.output_tokens) ?? counts.output;
  counts.thinking = tokenCount(objectOf(usage.output_tokens_details)?.thinking_tokens) ?? counts.thinking;
  return true;
}

export function usageOf(counts: AnthropicCounts): Usage {
  const long = counts.cacheLong;
  const creation = counts.cacheCreation;
  return {
    input:
      counts.input === null ? null : counts.input + (counts.cacheRead ?? 0) + (counts.cacheCreation ?? 0),
    cacheRead: counts.cacheRead,
    cacheWrite: creation === null ? null : Math.max(0, creation - (long ?? 0)),
    cacheWriteLong: long,
    output: counts.output,
    reasoning: counts.thinking,
  };
}

/** Reads one whole `usage` member; null when it is none. */
export function readUsageMember(value: unknown): Usage | null {
  const counts = emptyCounts();
  return readCounts(value, counts) ? usageOf(counts) : null;
}

/** All fields a client may overwrite from, never null where its type says number. */
export function writeUsage(usage: Usage | null): Record<string, unknown> {
  const short = usage?.cacheWrite ?? 0;
  const long = usage?.cacheWriteLong ?? 0;
  return {
    input_tokens: usage === null ? 0 : uncachedInput(usage),
    cache_creation_input_tokens: short + long,
    cache_read_input_tokens: usage?.cacheRead ?? 0,
    output_tokens: usage?.output ?? 0,
    ...(usage?.reasoning == null ? {} : { output_tokens_details: { thinking_tokens: usage.reasoning } }),
  };
}
