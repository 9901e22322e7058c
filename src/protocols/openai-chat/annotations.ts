/** Chat's `annotations` <-> neutral citations (40-protocols 2.4). */
import { listOf, numberOf, objectOf, stringOf } from "../json-value.ts";
import type { Citation } from "../neutral.ts";

export function readAnnotations(value: unknown): Citation[] {
  const citations: Citation[] = [];
  for (const item of listOf(value)) {
    const cited = objectOf(objectOf(item)?.url_citation);
    const url = stringOf(cited?.url);
    if (cited === undefined || url === undefined) continue;
    citations.push({
      start: numberOf(cited.start_index) ?? -1,
      end: numberOf(cited.end_index) ?? -1,
      url,
      title: stringOf(cited.title) ?? "",
    });
  }
  return citations;
}

/** `offset`: characters of the message's text before the part; `length`: of the part. Whole-part citations get its range. */
export function writeAnnotation(citation: Citation, offset: number, length: number): Record<string, unknown> {
  const whole = citation.start < 0 || citation.end < 0;
  return {
    type: "url_citation",
    url_citation: {
      url: citation.url,
      title: citation.title,
      start_index: offset + (whole ? 0 : citation.start),
      end_index: offset + (whole ? length : citation.end),
    },
  };
}
