/** What models cost: the built-in table, and `[prices]` over it. Unknown is null, never 0. */
import type { Config, PriceConfig } from "./schema.ts";

/** The published list prices are those known on this day; `[prices]` corrects what has changed since. */
export const PRICES_DATE = "2025-11-01";

/** USD per million tokens: input, output, cached input, cache write; null where the vendor has no such price. */
type Row = readonly [input: number, output: number, cachedInput: number | null, cacheWrite: number | null];

const TABLE: Readonly<Record<string, Row>> = {
  "gpt-5.1": [1.25, 10, 0.125, null],
  "gpt-5": [1.25, 10, 0.125, null],
  "gpt-5-mini": [0.25, 2, 0.025, null],
  "gpt-5-nano": [0.05, 0.4, 0.005, null],
  "gpt-4.1": [2, 8, 0.5, null],
  "gpt-4.1-mini": [0.4, 1.6, 0.1, null],
  "gpt-4.1-nano": [0.1, 0.4, 0.025, null],
  "gpt-4o": [2.5, 10, 1.25, null],
  "gpt-4o-mini": [0.15, 0.6, 0.075, null],
  o3: [2, 8, 0.5, null],
  "o3-mini": [1.1, 4.4, 0.55, null],
  "o4-mini": [1.1, 4.4, 0.275, null],
  "text-embedding-3-small": [0.02, 0, null, null],
  "text-embedding-3-large": [0.13, 0, null, null],
  "claude-opus-4-5": [5, 25, 0.5, 6.25],
  "claude-opus-4-1": [15, 75, 1.5, 18.75],
  "claude-sonnet-4-5": [3, 15, 0.3, 3.75],
  "claude-sonnet-4": [3, 15, 0.3, 3.75],
  "claude-haiku-4-5": [1, 5, 0.1, 1.25],
  "claude-3-5-haiku": [0.8, 4, 0.08, 1],
  "gemini-2.5-pro": [1.25, 10, 0.125, null],
  "gemini-2.5-flash": [0.3, 2.5, 0.03, null],
  "gemini-2.5-flash-lite": [0.1, 0.4, 0.01, null],
  "gemini-2.0-flash": [0.1, 0.4, 0.025, null],
  "gemini-embedding-001": [0.15, 0, null, null],
  "command-a-03-2025": [2.5, 10, null, null],
  "command-r-plus-08-2024": [2.5, 10, null, null],
  "command-r-08-2024": [0.15, 0.6, null, null],
  "command-r7b-12-2024": [0.0375, 0.15, null, null],
  "mistral-large-latest": [2, 6, null, null],
  "mistral-medium-latest": [0.4, 2, null, null],
  "mistral-small-latest": [0.1, 0.3, null, null],
  "codestral-latest": [0.3, 0.9, null, null],
  "ministral-8b-latest": [0.1, 0.1, null, null],
  "deepseek-chat": [0.28, 0.42, 0.028, null],
  "deepseek-reasoner": [0.28, 0.42, 0.028, null],
  "groq/llama-3.3-70b-versatile": [0.59, 0.79, null, null],
  "groq/llama-3.1-8b-instant": [0.05, 0.08, null, null],
  "groq/openai/gpt-oss-120b": [0.15, 0.6, 0.075, null],
  "groq/openai/gpt-oss-20b": [0.075, 0.3, 0.0375, null],
  "cerebras/llama-3.3-70b": [0.85, 1.2, null, null],
  "cerebras/llama3.1-8b": [0.1, 0.1, null, null],
  "cerebras/gpt-oss-120b": [0.35, 0.75, null, null],
  "sambanova/Meta-Llama-3.3-70B-Instruct": [0.6, 1.2, null, null],
  "sambanova/Meta-Llama-3.1-8B-Instruct": [0.1, 0.2, null, null],
  "kimi-k2-0905-preview": [0.6, 2.5, 0.15, null],
};

/**
 * USD per million tokens of a model at a provider: `[prices]` before the built-in table, `provider/model` before the
 * bare id in each. An id with a date (`gpt-4o-2024-08-06`, `claude-haiku-4-5-20251001`) costs what the id without it
 * does. A target's own `price` is the caller's to look at first.
 */
export function lookupPrice(config: Config, provider: string, model: string): PriceConfig | null {
  const ids = [`${provider}/${model}`, model];
  const undated = model.replace(/-(?:\d{4}-\d{2}-\d{2}|\d{8})$/, "");
  for (const id of ids) {
    const own = config.prices.get(id);
    if (own !== undefined) return own;
  }
  const kind = config.provider.get(provider)?.kind;
  if (kind === "demo" || kind === "ollama") return null;
  if (undated !== model) ids.push(`${provider}/${undated}`, undated);
  for (const id of ids) {
    const row = Object.hasOwn(TABLE, id) ? TABLE[id] : undefined;
    if (row !== undefined) return asPrice(row);
  }
  return null;
}

/** Every price there is, for `sluice prices`: the built-in ones and those of the file over them, by id. */
export function listPrices(
  config: Config,
): readonly { readonly id: string; readonly price: PriceConfig; readonly builtIn: boolean }[] {
  const builtIn = Object.entries(TABLE)
    .filter(([id]) => !config.prices.has(id))
    .map(([id, row]) => ({ id, price: asPrice(row), builtIn: true }));
  const own = [...config.prices].map(([id, price]) => ({ id, price, builtIn: false }));
  return [...own, ...builtIn].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function asPrice([input, output, cachedInput, cacheWrite]: Row): PriceConfig {
  return { input, output, cachedInput, cacheWrite };
}
