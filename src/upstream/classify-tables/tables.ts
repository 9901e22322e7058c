/** Which tables are searched for an answer of which provider, in order. */
import { ANTHROPIC, BEDROCK } from "./anthropic.ts";
import { COHERE } from "./cohere.ts";
import { CEREBRAS, DEEPSEEK, GROQ, KIMI, MISTRAL, OLLAMA, OPENROUTER } from "./compatible.ts";
import { BY_STATUS, COMMON } from "./every-provider.ts";
import { GOOGLE } from "./google.ts";
import { AZURE, OPENAI } from "./openai.ts";
import type { Rule } from "./rule.ts";

const REST: readonly Rule[] = [...COMMON, ...BY_STATUS];

/** By provider kind, and for kind `openai` by dialect. */
const TABLES: Readonly<Record<string, readonly Rule[]>> = {
  openai: [...OPENAI, ...REST],
  azure_openai: [...AZURE, ...OPENAI, ...REST],
  anthropic: [...ANTHROPIC, ...REST],
  bedrock: [...BEDROCK, ...ANTHROPIC, ...REST],
  google_ai: [...GOOGLE, ...REST],
  // Vertex serves Claude as well, with Anthropic's own errors.
  vertex_ai: [...GOOGLE, ...ANTHROPIC, ...REST],
  cohere: [...COHERE, ...REST],
  groq: [...GROQ, ...OPENAI, ...REST],
  mistral: [...MISTRAL, ...REST],
  // It passes on what the provider behind it said.
  openrouter: [...OPENROUTER, ...OPENAI, ...ANTHROPIC, ...REST],
  deepseek: [...DEEPSEEK, ...REST],
  kimi: [...KIMI, ...REST],
  cerebras: [...CEREBRAS, ...REST],
  ollama: [...OLLAMA, ...REST],
};

/** An OpenAI-compatible server nobody named: anybody's wording may come from it, LiteLLM's and Google's among them. */
const UNKNOWN: readonly Rule[] = [
  { cause: "rate_limit", status: 429, code: /^resource_exhausted$/ },
  ...OPENAI,
  ...MISTRAL,
  ...OLLAMA,
  ...KIMI,
  ...REST,
];

export function tableOf(providerKind: string, dialect: string): readonly Rule[] {
  const byDialect = providerKind === "openai" && dialect !== "" ? (TABLES[dialect] ?? UNKNOWN) : undefined;
  return byDialect ?? TABLES[providerKind] ?? UNKNOWN;
}
