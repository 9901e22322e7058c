/** Every rerank protocol by its name. */
import { cohereRerank, cohereV1Rerank } from "./cohere.ts";
import { jinaRerank } from "./jina.ts";
import type { RerankProtocol, RerankProtocolName } from "./rerank.ts";

export const rerankProtocols: Readonly<Record<RerankProtocolName, RerankProtocol>> = {
  cohere: cohereRerank,
  "cohere-v1": cohereV1Rerank,
  jina: jinaRerank,
};
