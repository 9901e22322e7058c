/** The rerank shape of Jina, vLLM and what imitates them (`/rerank`, `/v1/rerank`), as client and as upstream. */

import { readRerankRequest } from "./request.ts";
import type { RerankProtocol } from "./rerank.ts";
import { readRerankResponse, shownDocument } from "./response.ts";

export const jinaRerank: RerankProtocol = {
  name: "jina",
  decodeRequest: (doc, { large }) => readRerankRequest(doc, true, large),
  encodeRequest: (request, context) =>
    context.large.render({
      model: context.model,
      query: request.query,
      documents: request.documents,
      return_documents: false,
      ...(request.topN === undefined ? {} : { top_n: request.topN }),
    }),
  decodeResponse: readRerankResponse,
  encodeResponse(response, { request, model, id, large }) {
    return JSON.stringify({
      id: response.id || id,
      model,
      usage: { total_tokens: response.tokens ?? 0 },
      results: response.results.map(({ index, score }) => ({
        index,
        ...(request.returnDocuments
          ? { document: shownDocument(request, index, (text) => large.expand(text)) }
          : {}),
        relevance_score: score,
      })),
    });
  },
};
