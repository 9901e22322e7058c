/** Which protocol a path belongs to when no route says so: errors are told in the words its callers know. */
import type { ProtocolName } from "../protocols/protocol.ts";

const BY_START: readonly (readonly [string, ProtocolName])[] = [
  ["/v1/messages", "anthropic"],
  ["/v1/responses", "openai-responses"],
  ["/v1beta", "gemini"],
  ["/v2", "cohere"],
  ["/v1/chat", "cohere-v1"],
  ["/v1/embed", "cohere-v1"],
  ["/v1/rerank", "cohere-v1"],
];

/** What keeps the models on a machine: Ollama's paths that the gateway does not serve. */
export const OLLAMA_STORE = ["pull", "push", "create", "copy", "delete", "blobs"] as const;
const OLLAMA: ReadonlySet<string> = new Set([
  "chat",
  "generate",
  "embed",
  "embeddings",
  "tags",
  "show",
  "ps",
  "version",
  ...OLLAMA_STORE,
]);

/** OpenAI's unless the path is known to be another vendor's. `path` without dot segments. */
export function protocolOfPath(path: string): ProtocolName {
  if (path.startsWith("/api/") && OLLAMA.has(path.split("/")[2] ?? "")) return "ollama";
  for (const [start, protocol] of BY_START) {
    if (path === start || path.startsWith(`${start}/`)) {
      return path.startsWith("/v1/chat/") ? "openai-chat" : protocol;
    }
  }
  return "openai-chat";
}
