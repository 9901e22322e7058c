/** URLs that Chat Completions has no form for: documents are taken by content only. */
import type { ChatRequest, MediaSource, Part } from "../neutral.ts";

export function sourcesToInline(request: ChatRequest): MediaSource[] {
  const found: MediaSource[] = [];
  const look = (parts: readonly Part[]) => {
    for (const part of parts) {
      if (part.type === "document" && part.source.kind === "url") found.push(part.source);
      else if (part.type === "result") look(part.parts);
    }
  };
  for (const turn of request.turns) look(turn.parts);
  return found;
}
