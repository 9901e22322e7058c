/** Reads a rerank answer; Cohere, Jina and vLLM name results alike. */
import { Failure } from "../../base/failure.ts";
import { listOf, numberOf, objectOf, stringOf } from "../json-value.ts";
import type { RerankRequest, RerankResponse } from "./rerank.ts";

/** Throws Failure (502). */
export function readRerankResponse(doc: unknown, request: RerankRequest): RerankResponse {
  const body = objectOf(doc);
  if (body === undefined || !Array.isArray(body["results"])) throw unusable("it holds no results");
  const results = body["results"].map((entry: unknown) => {
    const result = objectOf(entry);
    const index = numberOf(result?.["index"]);
    const score = numberOf(result?.["relevance_score"]);
    if (index === undefined || score === undefined) throw unusable("a result lacks index or relevance_score");
    if (!Number.isInteger(index) || index < 0 || index >= request.documents.length) {
      throw unusable(`it names document ${index} of ${request.documents.length}`);
    }
    return { index, score };
  });
  const meta = objectOf(body["meta"]);
  const billed = objectOf(meta?.["billed_units"]);
  const tokens = objectOf(meta?.["tokens"]) ?? objectOf(body["usage"]);
  return {
    id: stringOf(body["id"]) ?? "",
    model: stringOf(body["model"]) ?? "",
    results,
    tokens: numberOf(tokens?.["input_tokens"]) ?? numberOf(tokens?.["total_tokens"]) ?? null,
    searchUnits: numberOf(billed?.["search_units"]) ?? null,
  };
}

/** The document behind a result as answers repeat it. */
export function shownDocument(
  request: RerankRequest,
  index: number,
  expand: (text: string) => string,
): unknown {
  const original = objectOf(listOf(request.originals)[index]);
  if (original === undefined) return { text: expand(request.documents[index] ?? "") };
  return Object.fromEntries(
    Object.entries(original).map(([key, value]) => [key, typeof value === "string" ? expand(value) : value]),
  );
}

function unusable(what: string): Failure {
  return new Failure("upstream", `the rerank answer is unusable: ${what}`, { code: "bad_upstream_response" });
}
