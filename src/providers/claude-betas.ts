/** Betas of Anthropic's API that the clouds which serve Claude know too: every other one is a 400 there (claude-code #21612). */

/** By the name in front of the date. */
const KNOWN = [
  "computer-use-",
  "context-1m-",
  "dev-full-thinking-",
  "fine-grained-tool-streaming-",
  "interleaved-thinking-",
  "output-128k-",
  "token-efficient-tools-",
  "tool-examples-",
  "tool-search-tool-",
];

/** The values of an `anthropic-beta` header that Vertex and Bedrock take, in order. */
export function cloudBetas(header: string): string[] {
  return header
    .split(",")
    .map((beta) => beta.trim())
    .filter((beta) => KNOWN.some((known) => beta.startsWith(known)));
}
