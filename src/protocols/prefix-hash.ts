/** Hash of what stands before a thinking block: newer Claude binds a block to it (40-protocols 1.7). */
import { createHash } from "node:crypto";
import type { ChatRequest, Part, Turn } from "./neutral.ts";
import type { LargeStrings } from "./protocol.ts";

/** Cache markers say nothing about the content, and clients move them from turn to turn. */
function withoutMarks(part: Part): Part {
  const copy = { ...part };
  if ("cache" in copy) delete copy.cache;
  if (copy.type === "result") copy.parts = copy.parts.map(withoutMarks);
  return copy;
}

function update(hash: ReturnType<typeof createHash>, value: unknown, large: LargeStrings): void {
  for (const piece of large.render(value)) hash.update(piece);
  hash.update("\n");
}

function hashTurn(hash: ReturnType<typeof createHash>, turn: Turn, large: LargeStrings): void {
  update(hash, { role: turn.role, parts: turn.parts.map(withoutMarks) }, large);
}

/** One hash for each turn: of system, tools and all turns before it, 16 hex; the last one is of the whole request. */
export function prefixHashes(request: ChatRequest, large: LargeStrings): string[] {
  const hash = createHash("sha256");
  update(
    hash,
    request.system.map(({ text, role }) => ({ text, role })),
    large,
  );
  update(
    hash,
    request.tools.map((tool) => ({ ...tool, cache: undefined })),
    large,
  );
  const hashes = [hash.copy().digest("hex").slice(0, 16)];
  for (const turn of request.turns) {
    hashTurn(hash, turn, large);
    hashes.push(hash.copy().digest("hex").slice(0, 16));
  }
  return hashes;
}

/** The hash an answer to this request is bound to (`AnswerContext.origin.prefix`). */
export function prefixHash(request: ChatRequest, large: LargeStrings): string {
  return prefixHashes(request, large).at(-1) ?? "";
}
