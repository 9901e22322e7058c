/** Cuts an embedding request into what one upstream request takes, and puts the answers back in order. */
import type { EmbeddingRequest, EmbeddingResponse, Vector } from "./embedding.ts";
import { badVectors } from "./vectors.ts";

/** At least one request; each with at most `limit` inputs, in order. */
export function splitInputs(request: EmbeddingRequest, limit: number): EmbeddingRequest[] {
  if (request.inputs.length <= limit) return [request];
  const batches: EmbeddingRequest[] = [];
  for (let start = 0; start < request.inputs.length; start += limit) {
    batches.push({ ...request, inputs: request.inputs.slice(start, start + limit) });
  }
  return batches;
}

/**
 * One answer of many; `answers` in the order of `splitInputs`. Tokens are the sum, unknown when one of them is.
 * Throws Failure (502) without answers, or when their vectors differ in length: two models must not be mixed.
 */
export function joinAnswers(answers: readonly EmbeddingResponse[]): EmbeddingResponse {
  const first = answers[0];
  if (first === undefined) throw badVectors("no batch was answered");
  if (answers.length === 1) return first;
  const vectors: Vector[] = [];
  const size = first.vectors[0]?.length;
  let promptTokens: number | null = 0;
  for (const answer of answers) {
    for (const vector of answer.vectors) {
      if (vector.length !== size) throw badVectors("the batches' vectors differ in length");
      vectors.push(vector);
    }
    promptTokens =
      promptTokens === null || answer.promptTokens === null ? null : promptTokens + answer.promptTokens;
  }
  return { id: first.id, model: first.model, vectors, promptTokens };
}
