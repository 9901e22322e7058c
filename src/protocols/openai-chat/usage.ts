/** Chat's `usage` member <-> neutral usage (40-protocols 2.2). */
import { objectOf } from "../json-value.ts";
import type { Usage } from "../neutral.ts";
import { tokenCount, totalTokens } from "../usage.ts";

/** Reads a parsed `usage` member; null when it is none. */
export function readChatUsage(value: unknown): Usage | null {
  const usage = objectOf(value);
  if (usage === undefined) return null;
  const prompt = objectOf(usage.prompt_tokens_details);
  const completion = objectOf(usage.completion_tokens_details);
  return {
    input: tokenCount(usage.prompt_tokens),
    // DeepSeek and Moonshot write the hit count flat.
    cacheRead: tokenCount(prompt?.cached_tokens ?? usage.prompt_cache_hit_tokens ?? usage.cached_tokens),
    cacheWrite: tokenCount(prompt?.cache_write_tokens),
    cacheWriteLong: null,
    output: tokenCount(usage.completion_tokens),
    reasoning: tokenCount(completion?.reasoning_tokens),
  };
}

/** The `usage` member for the caller; `total_tokens` is always the sum. */
export function writeChatUsage(usage: Usage): Record<string, unknown> {
  const written = (usage.cacheWrite ?? 0) + (usage.cacheWriteLong ?? 0);
  return {
    prompt_tokens: usage.input ?? 0,
    completion_tokens: usage.output ?? 0,
    total_tokens: totalTokens(usage),
    prompt_tokens_details: {
      cached_tokens: usage.cacheRead ?? 0,
      ...(written > 0 ? { cache_write_tokens: written } : {}),
    },
    completion_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
  };
}
