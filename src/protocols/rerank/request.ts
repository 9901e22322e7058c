/** Reads a rerank request; the shapes of Cohere, Jina and vLLM differ in few members only. */
import { badRequest } from "../../base/failure.ts";
import {
  isObject,
  type JsonObject,
  listOf,
  readBody,
  readBoolean,
  readList,
  readNumber,
  readString,
  requireString,
  stringOf,
} from "../json-value.ts";
import type { LargeStrings } from "../protocol.ts";
import type { RerankRequest } from "./rerank.ts";

/** `returnsDocuments`: what a missing `return_documents` means. Throws Failure (400, param). */
export function readRerankRequest(
  doc: unknown,
  returnsDocuments: boolean,
  large: LargeStrings,
): RerankRequest {
  const body = readBody(doc);
  const documents = readList(body, "documents") ?? [];
  if (documents.length === 0) throw badRequest("documents must not be empty", "missing_member", "documents");
  const fields = listOf(body["rank_fields"]).filter((field) => typeof field === "string");
  const topN = readNumber(body, "top_n");
  const maxTokensPerDoc = readNumber(body, "max_tokens_per_doc");
  return {
    model: readString(body, "model") ?? "",
    query: requireString(body, "query"),
    documents: documents.map((document, index) => textOf(document, fields, `documents[${index}]`, large)),
    returnDocuments: readBoolean(body, "return_documents") ?? returnsDocuments,
    ...(documents.some(isObject) ? { originals: documents } : {}),
    ...(topN === undefined ? {} : { topN }),
    ...(maxTokensPerDoc === undefined ? {} : { maxTokensPerDoc }),
  };
}

function textOf(document: unknown, fields: readonly string[], path: string, large: LargeStrings): string {
  if (typeof document === "string") return document;
  if (!isObject(document)) throw badRequest(`${path} must be a text or an object`, "invalid_type", path);
  if (fields.length > 0) return joinFields(document, fields, large);
  const text = stringOf(document["text"]);
  if (text === undefined) throw badRequest(`${path}.text is required`, "missing_member", `${path}.text`);
  return text;
}

/** What v1 servers do with `rank_fields`: the fields' values one below the other. */
function joinFields(document: JsonObject, fields: readonly string[], large: LargeStrings): string {
  const values: string[] = [];
  for (const field of fields) {
    const value = stringOf(document[field]);
    if (value !== undefined) values.push(large.expand(value));
  }
  return values.join("\n");
}
