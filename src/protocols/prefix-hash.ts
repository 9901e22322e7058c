/** Hash of what stands before a thinking block: newer Claude binds a block to it (40-protocols 1.7). */
import { createHash } from "node:crypto";
import type { ChatRequest, Part, Turn } from "./neutral.ts";
import type { LargeStrings } from "./protocol.ts";
import { wellFormedJson } from "./string-escapes.ts";

/** Cache markers say nothing about the content, and clients move them from turn to turn. */
function withoutMarks(part: Part): Part {
  if (part.type !== "result" && !("cache" in part)) return part;
  const copy = { ...part };
  if ("cache" in copy) delete copy.cache;
  if (copy.type === "result") copy.parts = copy.parts.map(withoutMarks);
  return copy;
}

type Hash = ReturnType<typeof createHash>;

function update(hash: Hash, value: unknown, large: LargeStrings): void {
  for (const piece of large.render(value)) hash.update(piece);
  hash.update("\n");
}

/** What stands before the first turn. */
function headOf(request: ChatRequest): unknown[] {
  return [
    request.system.map(({ text, role }) => ({ text, role })),
    request.tools.map((tool) => ({ ...tool, cache: undefined })),
  ];
}

function countedTurn({ role, parts }: Turn): Pick<Turn, "role" | "parts"> {
  return { role, parts: parts.map(withoutMarks) };
}

/** One hash for each turn: of system, tools and all turns before it, 16 hex; the last one is of the whole request. */
export function prefixHashes(request: ChatRequest, large: LargeStrings): string[] {
  const hash = createHash("sha256");
  for (const value of headOf(request)) update(hash, value, large);
  const hashes = [hash.copy().digest("hex").slice(0, 16)];
  for (const turn of request.turns) {
    update(hash, countedTurn(turn), large);
    hashes.push(hash.copy().digest("hex").slice(0, 16));
  }
  return hashes;
}

/** The last of them, at once: what an answer to this request is bound to (`AnswerContext.origin.prefix`). */
export function prefixHash(request: ChatRequest, large: LargeStrings): string {
  const hash = createHash("sha256");
  const values = [...headOf(request), ...request.turns.map(countedTurn)];
  const text = values.map((value) => `${JSON.stringify(value)}\n`).join("");
  if (large.has(text)) for (const value of values) update(hash, value, large);
  else hash.update(wellFormedJson(text));
  return hash.digest("hex").slice(0, 16);
}
