/** Documents as text, for vendors that have no part for them (40-protocols 1.2). */
import type { Part } from "./neutral.ts";

/** A text document: a title line, then the text. null when it is no text. */
export function documentText(part: Extract<Part, { type: "document" }>): string | null {
  if (part.source.kind !== "text") return null;
  const lines: string[] = [];
  if (part.title !== undefined && part.title !== "") lines.push(`Document: ${part.title}`);
  if (part.context !== undefined && part.context !== "") lines.push(part.context);
  lines.push(part.source.text);
  return lines.join("\n");
}

/** All text of some parts, without a separator; what is no text is left out. */
export function plainText(parts: readonly Part[]): string {
  let text = "";
  for (const part of parts) {
    if (part.type === "text" || part.type === "refusal") text += part.text;
    else if (part.type === "document") text += documentText(part) ?? "";
  }
  return text;
}
