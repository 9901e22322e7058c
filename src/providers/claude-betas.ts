/**
 * Betas of Anthropic's API that the clouds which serve Claude know too: every other one is a 400 there (claude-code #21612,
 * #34802). Bedrock: the table in docs.aws.amazon.com/bedrock/latest/userguide, "Anthropic Claude Messages API, Request and
 * Response". Vertex publishes none; that list, and what Bedrock's Mantle takes beyond the table, are those LiteLLM came to
 * (litellm/anthropic_beta_headers_config.json, `vertex_ai` and `bedrock_mantle`, autumn 2026). Left out: betas of members
 * that the clouds are never sent (protocols/anthropic/versions.ts), `context-management-` and `compact-`.
 */

export type Cloud = "bedrock" | "vertex_ai";

/** By the name in front of the date. */
const KNOWN: Readonly<Record<Cloud, readonly string[]>> = {
  bedrock: [
    "claude-code-",
    "computer-use-",
    "context-1m-",
    "dangerous-tool-use-",
    "dev-full-thinking-",
    "effort-",
    "fine-grained-tool-streaming-",
    "interleaved-thinking-",
    "output-128k-",
    "per-turn-control-",
    "structured-outputs-",
    "thinking-binding-controls-",
    "thinking-display-updates-",
    "token-efficient-tools-",
    "tool-examples-",
    "tool-search-tool-",
    "web-search-",
  ],
  vertex_ai: [
    "computer-use-",
    "context-1m-",
    "dangerous-tool-use-",
    "interleaved-thinking-",
    "per-turn-control-",
    "thinking-binding-controls-",
    "thinking-display-updates-",
    "tool-search-tool-",
    "web-search-",
  ],
};

/** What the clouds call the part of `advanced-tool-use-` that they have. */
const TOOL_SEARCH = "tool-search-tool-2025-10-19";

/** The values of an `anthropic-beta` header that this cloud takes, in order, each once. */
export function cloudBetas(header: string, cloud: Cloud): string[] {
  const known = KNOWN[cloud];
  const betas = header
    .split(",")
    .map((beta) => beta.trim())
    .map((beta) => (beta.startsWith("advanced-tool-use-") ? TOOL_SEARCH : beta))
    .filter((beta) => known.some((name) => beta.startsWith(name)));
  return [...new Set(betas)];
}
