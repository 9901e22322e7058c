/** Converts Cohere's citations (v2: sources per block; v1: ids of documents) to neutral ones and back. */
import { isObject, type JsonObject, listOf, numberOf, objectOf, stringOf } from "../json-value.ts";
import type { Citation } from "../neutral.ts";

/** Sources without an address are the caller's own documents and say nothing to others. */
function citationOf(range: JsonObject, source: JsonObject): Citation | null {
  const url = stringOf(source.url) ?? stringOf(source.uri);
  const start = numberOf(range.start);
  const end = numberOf(range.end);
  if (url === undefined || url === "" || start === undefined || end === undefined) return null;
  const citation: Citation = { start, end, url, title: stringOf(source.title) ?? "" };
  const quote = stringOf(range.text);
  if (quote !== undefined) citation.quote = quote;
  return citation;
}

/** A v2 citation, one neutral citation for each source. Those of thoughts and plans are dropped (40-protocols 2.4). */
export function decodeCitation(value: unknown): { contentIndex: number; citations: Citation[] } {
  if (!isObject(value) || value.type === "THINKING_CONTENT" || value.type === "PLAN")
    return { contentIndex: 0, citations: [] };
  const citations: Citation[] = [];
  for (const source of listOf(value.sources)) {
    if (!isObject(source)) continue;
    const origin = objectOf(source.document) ?? objectOf(source.tool_output);
    const citation = origin === undefined ? null : citationOf(value, origin);
    if (citation !== null) citations.push(citation);
  }
  return { contentIndex: numberOf(value.content_index) ?? 0, citations };
}

/** v1: the documents that the ids of citations stand for come beside them; of two with one id the first counts. */
export function documentsById(documents: readonly unknown[]): ReadonlyMap<unknown, JsonObject> {
  const byId = new Map<unknown, JsonObject>();
  for (const document of documents) {
    if (isObject(document) && !byId.has(document.id)) byId.set(document.id, document);
  }
  return byId;
}

export function decodeCitationV1(value: unknown, documents: ReadonlyMap<unknown, JsonObject>): Citation[] {
  if (!isObject(value) || value.type === "PLAN") return [];
  const citations: Citation[] = [];
  for (const id of listOf(value.document_ids)) {
    const document = documents.get(id);
    const citation = document === undefined ? null : citationOf(value, document);
    if (citation !== null) citations.push(citation);
  }
  return citations;
}

/** The range within the block; a citation of the whole block covers its `length` characters. */
function rangeOf(citation: Citation, length: number): { start: number; end: number; text: string } {
  const whole = citation.start < 0;
  return {
    start: whole ? 0 : citation.start,
    end: whole ? length : citation.end,
    text: citation.quote ?? "",
  };
}

function documentOf(citation: Citation): { id: string; title: string; url: string } {
  return { id: citation.url, title: citation.title, url: citation.url };
}

export function encodeCitation(citation: Citation, contentIndex: number, length: number): object {
  return {
    ...rangeOf(citation, length),
    sources: [{ type: "document", id: citation.url, document: documentOf(citation) }],
    content_index: contentIndex,
    type: "TEXT_CONTENT",
  };
}

/** Citations of a v1 answer: ranges count from the start of the whole text, documents are listed once. */
export class CitationsV1 {
  readonly citations: object[] = [];
  readonly documents: { id: string; title: string; url: string }[] = [];

  /** `before` = characters of the answer before the cited part, `length` = characters of the part. */
  add(citation: Citation, before: number, length: number): object {
    const range = rangeOf(citation, length);
    const encoded = {
      ...range,
      start: range.start + before,
      end: range.end + before,
      document_ids: [citation.url],
    };
    if (this.citations.length < 1024) this.citations.push(encoded);
    if (this.documents.length < 1024 && !this.documents.some((document) => document.id === citation.url))
      this.documents.push(documentOf(citation));
    return encoded;
  }
}
