/** Converts Cohere's documents (dictionaries of strings) to text documents and back. */
import { isObject, type JsonObject, stringOf } from "../json-value.ts";
import type { Part } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";

type DocumentPart = Extract<Part, { type: "document" }>;

/** Members that hold a document's own text, by what Cohere's guides call them. */
const TEXT_MEMBERS = ["text", "snippet", "content"];

function textDocument(text: string): DocumentPart {
  return { type: "document", source: { kind: "text", text }, cite: true };
}

/** `{data, id}` of v2 or a flat dictionary of v1. What is more than title and text stays as JSON, which any model reads. */
export function decodeDocument(document: JsonObject, context: DecodeContext): DocumentPart {
  const raw = document.data ?? document;
  if (typeof raw === "string" && !context.large.has(raw)) return textDocument(raw);
  const json = context.large.jsonText(raw);
  let data: unknown = raw;
  if (typeof raw === "string") {
    // Verbatim JSON of a dictionary, or a long text: a placeholder that stays one is not looked into.
    if (!json.startsWith("{")) return textDocument(raw);
    data = JSON.parse(json);
  }
  if (!isObject(data)) return textDocument(json);
  const names = Object.keys(data).filter((name) => name !== "title" && name !== "id");
  const only = names.length === 1 && TEXT_MEMBERS.includes(names[0] ?? "") ? names[0] : undefined;
  const text = only === undefined ? undefined : stringOf(data[only]);
  if (text === undefined) return textDocument(json);
  const part = textDocument(text);
  const title = stringOf(data.title);
  if (title !== undefined) part.title = title;
  return part;
}

/** A text document as v2's `data` and v1's dictionary. */
export function documentData(part: DocumentPart, text: string): Record<string, string> {
  const data: Record<string, string> = {};
  if (part.title !== undefined && part.title !== "") data.title = part.title;
  if (part.context !== undefined && part.context !== "") data.context = part.context;
  data.text = text;
  return data;
}
