/** All provider kinds: one line each. */
import { anthropic, bedrock } from "./anthropic.ts";
import { azure } from "./azure.ts";
import { cohere } from "./cohere.ts";
import { googleAi, vertex } from "./google.ts";
import { ollama } from "./ollama.ts";
import { openai } from "./openai.ts";
import type { KindName, ProviderKind } from "./provider.ts";

export const KINDS: Readonly<Record<KindName, ProviderKind>> = {
  openai,
  azure_openai: azure,
  vertex_ai: vertex,
  google_ai: googleAi,
  anthropic,
  bedrock,
  cohere,
  ollama,
  // In-process; speaks like an OpenAI server (demo.ts).
  demo: { ...openai, name: "demo", credentials: () => "" },
};
