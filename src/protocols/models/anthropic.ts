/** `GET /v1/models` and `/v1/models/{id}` in Anthropic's shape. */
import type { ModelEntry } from "./model-entry.ts";

/** The whole list as one page: Claude Code asks once, with `limit=1000` and a timeout of 3 s. */
export function writeAnthropicModels(entries: readonly ModelEntry[]): string {
  return JSON.stringify({
    data: entries.map(toAnthropic),
    has_more: false,
    first_id: entries[0]?.id ?? null,
    last_id: entries[entries.length - 1]?.id ?? null,
  });
}

export function writeAnthropicModel(entry: ModelEntry): string {
  return JSON.stringify(toAnthropic(entry));
}

function toAnthropic(entry: ModelEntry) {
  return {
    type: "model",
    id: entry.id,
    display_name: entry.displayName ?? entry.id,
    created_at: new Date(entry.created * 1000).toISOString(),
    lifecycle: "active",
    deprecated_at: null,
    retires_at: null,
    line: null,
    capabilities: null,
    max_input_tokens: entry.contextTokens ?? null,
    max_tokens: entry.outputTokens ?? null,
  };
}
