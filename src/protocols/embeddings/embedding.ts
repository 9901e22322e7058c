/** The contract of every embedding protocol, and the neutral request and answer between any two of them. */
import type { LargeStrings } from "../protocol.ts";

export type EmbeddingProtocolName = "openai" | "gemini" | "cohere" | "cohere-v1" | "ollama";

/** What the vectors are for. OpenAI knows no such thing; Cohere demands it. */
export type EmbeddingTask =
  | "document"
  | "query"
  | "classification"
  | "clustering"
  | "similarity"
  | "question"
  | "fact"
  | "code";

export type VectorEncoding = "float" | "base64";

/** A text (maybe a large-string placeholder) or the token ids of one. */
export type EmbeddingInput = string | readonly number[];

export interface EmbeddingRequest {
  /** As the caller wrote it; "" when its path holds it. */
  readonly model: string;
  /** Empty only for Ollama, where it asks to load the model: answer at once, without vectors. */
  readonly inputs: readonly EmbeddingInput[];
  readonly dimensions?: number;
  readonly task?: EmbeddingTask;
  readonly title?: string;
  readonly truncate?: "start" | "end" | "none";
  readonly user?: string;
  /** What the caller reads; several only in Cohere's by-type answer. */
  readonly encodings: readonly VectorEncoding[];
  /** Shape of the answer where the protocol has several: one vector, a list, or Cohere's lists by type. */
  readonly form: "one" | "list" | "by_type";
}

/** 64-bit when the upstream wrote decimals (no digit is lost), 32-bit when it wrote base64. */
export type Vector = readonly number[] | Float32Array;

export interface EmbeddingResponse {
  readonly id: string;
  readonly model: string;
  /** In the order of the request's inputs. */
  readonly vectors: readonly Vector[];
  /** null = not reported, which differs from 0. */
  readonly promptTokens: number | null;
}

interface EmbeddingConvertContext {
  /** The target's model id, as the upstream must see it. */
  readonly model: string;
  readonly warn: (code: string, field: string) => void;
  readonly large: LargeStrings;
}

export interface EmbeddingAnswerContext {
  readonly request: EmbeddingRequest;
  /** Model name shown to the caller. */
  readonly model: string;
  /** A fresh uuid, for protocols whose answers carry an id. */
  readonly id: string;
  /** Stands in for tokens the upstream did not report. */
  readonly promptEstimate: number;
  readonly large: LargeStrings;
}

export interface EmbeddingDecodeContext {
  /** Model and verb of the path (Gemini: `embedContent`, `batchEmbedContents`; Ollama: `embed`, `embeddings`); "" elsewhere. */
  readonly model: string;
  readonly verb: string;
  readonly large: LargeStrings;
}

/** How texts are put to an upstream. */
export interface EmbeddingUpstream {
  /** Most inputs that one upstream request takes. */
  readonly batchLimit: number;
  /** One upstream body for at most `batchLimit` inputs. Throws Failure (400, param) for what cannot be carried. */
  encodeRequest(request: EmbeddingRequest, context: EmbeddingConvertContext): Uint8Array[];
  /** Reads the upstream's answer to `request` (a batch). Throws Failure (502) when the vectors are not all there. */
  decodeResponse(doc: unknown, request: EmbeddingRequest): EmbeddingResponse;
}

export interface EmbeddingProtocol extends EmbeddingUpstream {
  readonly name: EmbeddingProtocolName;
  /** Gemini: the verb of the upstream's path that `encodeRequest` writes for. */
  readonly upstreamVerb?: string;
  /** Throws Failure (400, param). */
  decodeRequest(doc: unknown, context: EmbeddingDecodeContext): EmbeddingRequest;
  encodeResponse(response: EmbeddingResponse, context: EmbeddingAnswerContext): string;
}
