/** Cohere's `/v2/rerank` and `/v1/rerank`, as client and as upstream. */

import { readRerankRequest } from "./request.ts";
import type { RerankAnswerContext, RerankProtocol, RerankResponse } from "./rerank.ts";
import { readRerankResponse, shownDocument } from "./response.ts";

export const cohereRerank: RerankProtocol = {
  name: "cohere",
  decodeRequest: (doc, { large }) => readRerankRequest(doc, false, large),
  encodeRequest: (request, context) =>
    context.large.render({
      model: context.model,
      query: request.query,
      documents: request.documents,
      ...(request.topN === undefined ? {} : { top_n: request.topN }),
      ...(request.maxTokensPerDoc === undefined ? {} : { max_tokens_per_doc: request.maxTokensPerDoc }),
    }),
  decodeResponse: readRerankResponse,
  encodeResponse: (response, context) => writeAnswer(response, context, "2"),
};

export const cohereV1Rerank: RerankProtocol = {
  name: "cohere-v1",
  decodeRequest: (doc, { large }) => readRerankRequest(doc, false, large),
  encodeRequest: (request, context) =>
    context.large.render({
      model: context.model,
      query: request.query,
      documents: request.documents,
      // The texts are known here; asking for them would send each of them back over the wire.
      return_documents: false,
      ...(request.topN === undefined ? {} : { top_n: request.topN }),
    }),
  decodeResponse: readRerankResponse,
  encodeResponse: (response, context) => writeAnswer(response, context, "1"),
};

function writeAnswer(response: RerankResponse, context: RerankAnswerContext, version: "1" | "2"): string {
  const { request, large } = context;
  return JSON.stringify({
    id: response.id || context.id,
    results: response.results.map(({ index, score }) => ({
      ...(request.returnDocuments
        ? { document: shownDocument(request, index, (text) => large.expand(text)) }
        : {}),
      index,
      relevance_score: score,
    })),
    meta: { api_version: { version }, billed_units: { search_units: response.searchUnits ?? 1 } },
  });
}
