/** Anthropic's web citations <-> neutral ones (40-protocols 2.4). It cites per text block: the range is that block. */
import { objectOf, stringOf } from "../json-value.ts";
import type { Citation } from "../neutral.ts";

/** null for citations of documents: no other vendor can show them. */
export function readCitation(value: unknown): Citation | null {
  const citation = objectOf(value);
  if (citation?.type !== "web_search_result_location") return null;
  const url = stringOf(citation.url);
  if (url === undefined) return null;
  const quote = stringOf(citation.cited_text);
  return {
    start: -1,
    end: -1,
    url,
    title: stringOf(citation.title) ?? "",
    ...(quote === undefined ? {} : { quote }),
  };
}

/** Anthropic's own citations quote no more than that; a whole text in each of them would be their product. */
const MAX_QUOTED = 150;

/** `text`: what the part holds so far, for the words that are cited. */
export function writeCitation(citation: Citation, text: string): Record<string, unknown> {
  const whole = citation.start < 0 || citation.end < 0;
  return {
    type: "web_search_result_location",
    url: citation.url,
    title: citation.title,
    encrypted_index: "",
    cited_text:
      citation.quote ?? (whole ? text : text.slice(citation.start, citation.end)).slice(0, MAX_QUOTED),
  };
}
