/** The contract of the rerank protocols, and the neutral request and answer between them. */
import type { LargeStrings } from "../protocol.ts";

export type RerankProtocolName = "cohere" | "cohere-v1" | "jina";

export interface RerankRequest {
  readonly model: string;
  readonly query: string;
  /** The text of each document (maybe a large-string placeholder). */
  readonly documents: readonly string[];
  /** Documents as the caller wrote them, for answers that repeat them; undefined when all were plain texts. */
  readonly originals?: readonly unknown[];
  readonly topN?: number;
  readonly maxTokensPerDoc?: number;
  /** The caller wants the documents in the answer. */
  readonly returnDocuments: boolean;
}

interface RerankResult {
  /** Place in the request's documents. */
  readonly index: number;
  readonly score: number;
}

export interface RerankResponse {
  readonly id: string;
  readonly model: string;
  /** Best first. */
  readonly results: readonly RerankResult[];
  /** null = not reported, which differs from 0. */
  readonly tokens: number | null;
  readonly searchUnits: number | null;
}

interface RerankContext {
  /** The target's model id. */
  readonly model: string;
  readonly large: LargeStrings;
}

export interface RerankAnswerContext {
  readonly request: RerankRequest;
  /** Model name shown to the caller. */
  readonly model: string;
  /** A fresh uuid for answers without an id. */
  readonly id: string;
  readonly large: LargeStrings;
}

export interface RerankProtocol {
  readonly name: RerankProtocolName;
  /** Throws Failure (400, param). */
  decodeRequest(doc: unknown, context: { readonly large: LargeStrings }): RerankRequest;
  encodeRequest(request: RerankRequest, context: RerankContext): Uint8Array[];
  /** Throws Failure (502) when the answer names documents that were never sent. */
  decodeResponse(doc: unknown, request: RerankRequest): RerankResponse;
  encodeResponse(response: RerankResponse, context: RerankAnswerContext): string;
}
