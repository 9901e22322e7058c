/** Vectors as numbers and as base64 of little-endian float32, in both directions. */
import { Failure } from "../../base/failure.ts";
import type { EmbeddingRequest, EmbeddingResponse, Vector } from "./embedding.ts";

/** OpenAI's and Cohere's `base64`: float32, little-endian, without a length in front. */
export function encodeBase64Vector(vector: Vector): string {
  const bytes = Buffer.allocUnsafe(vector.length * 4);
  for (let i = 0; i < vector.length; i++) bytes.writeFloatLE(vector[i] ?? 0, i * 4);
  return bytes.toString("base64");
}

/** Throws Failure (502) when the text is no whole number of floats. */
export function decodeBase64Vector(text: string): Float32Array {
  const bytes = Buffer.from(text, "base64");
  if (bytes.length === 0 || bytes.length % 4 !== 0)
    throw badVectors("a base64 vector is not a list of float32");
  const vector = new Float32Array(bytes.length / 4);
  for (let i = 0; i < vector.length; i++) vector[i] = bytes.readFloatLE(i * 4);
  return vector;
}

/** A vector as any upstream may write it. Throws Failure (502). */
export function readVector(value: unknown): Vector {
  if (typeof value === "string") return decodeBase64Vector(value);
  if (!Array.isArray(value)) throw badVectors("an embedding is neither numbers nor base64");
  for (const number of value) {
    if (typeof number !== "number") throw badVectors("an embedding holds something that is no number");
  }
  return value;
}

/** Plain numbers, fit for JSON. */
export function toNumbers(vector: Vector): readonly number[] {
  return vector instanceof Float32Array ? Array.from(vector) : vector;
}

/** Scaled to length 1; Gemini's shortened vectors are not (ai.google.dev/gemini-api/docs/embeddings). */
export function normaliseVector(vector: Vector): readonly number[] {
  let sum = 0;
  for (const number of vector) sum += number * number;
  const numbers = toNumbers(vector);
  if (sum === 0) return numbers;
  const length = Math.sqrt(sum);
  return numbers.map((number) => number / length);
}

/** Refuses an answer that lacks a vector: a hole would shift every later one. */
export function checkVectors(response: EmbeddingResponse, request: EmbeddingRequest): EmbeddingResponse {
  if (response.vectors.length !== request.inputs.length) {
    throw badVectors(`${request.inputs.length} inputs were answered with ${response.vectors.length} vectors`);
  }
  return response;
}

export function badVectors(message: string): Failure {
  return new Failure("upstream", `the embedding answer is unusable: ${message}`, {
    code: "bad_upstream_response",
  });
}
