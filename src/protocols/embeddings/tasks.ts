/** The words of each vendor for what an embedding is made for. */
import { badRequest } from "../../base/failure.ts";
import type { EmbeddingInput, EmbeddingTask } from "./embedding.ts";

const GEMINI: Readonly<Record<string, EmbeddingTask>> = {
  RETRIEVAL_DOCUMENT: "document",
  RETRIEVAL_QUERY: "query",
  CLASSIFICATION: "classification",
  CLUSTERING: "clustering",
  SEMANTIC_SIMILARITY: "similarity",
  QUESTION_ANSWERING: "question",
  FACT_VERIFICATION: "fact",
  CODE_RETRIEVAL_QUERY: "code",
};

/** `document`, `passage` and `query` are what other OpenAI-compatible servers call it. */
const COHERE: Readonly<Record<string, EmbeddingTask>> = {
  search_document: "document",
  search_query: "query",
  classification: "classification",
  clustering: "clustering",
  document: "document",
  passage: "document",
  query: "query",
};

const TO_COHERE: Readonly<Record<EmbeddingTask, string>> = {
  document: "search_document",
  query: "search_query",
  question: "search_query",
  fact: "search_query",
  code: "search_query",
  classification: "classification",
  clustering: "clustering",
  similarity: "search_document",
};

/** undefined when the word is unknown or absent: the lists are open. */
export function readTask(word: string | undefined): EmbeddingTask | undefined {
  if (word === undefined) return undefined;
  return GEMINI[word.toUpperCase()] ?? COHERE[word.toLowerCase()];
}

export function geminiTask(task: EmbeddingTask): string {
  for (const [word, meaning] of Object.entries(GEMINI)) if (meaning === task) return word;
  return "RETRIEVAL_DOCUMENT";
}

/** Cohere's `input_type` is required: `search_document` when the caller said nothing. */
export function cohereInputType(
  task: EmbeddingTask | undefined,
  warn: (code: string, field: string) => void,
): string {
  if (task === undefined) return "search_document";
  if (task === "similarity") warn("task_type_changed", "taskType");
  return TO_COHERE[task];
}

/** The input's text; only OpenAI's own servers know what token ids mean. */
export function requireText(input: EmbeddingInput, index: number): string {
  if (typeof input === "string") return input;
  throw badRequest(
    "token ids cannot be embedded by this model's provider; send the text instead",
    "unsupported_input",
    `input[${index}]`,
  );
}
