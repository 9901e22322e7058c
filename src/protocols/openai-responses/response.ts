/** A whole Responses answer, read and written. */
import { Failure } from "../../base/failure.ts";
import { responseEvents } from "../answer-assembly.ts";
import { isObject, type JsonObject, listOf, numberOf, objectOf, stringOf } from "../json-value.ts";
import type { ChatResponse, Citation, Part } from "../neutral.ts";
import type { AnswerContext, ConvertContext } from "../protocol.ts";
import { ResponsesEncoder } from "./stream-encoder.ts";
import { decodeAnnotation, decodeLogprobs, decodeStop, decodeUsage } from "./types.ts";

/** Throws Failure (502) for what is no finished response. */
export function decodeResponse(doc: unknown, context: ConvertContext): ChatResponse {
  if (!isObject(doc) || !Array.isArray(doc["output"])) {
    throw new Failure("upstream", "the answer is not a response object", { code: "bad_upstream_response" });
  }
  const error = objectOf(doc["error"]);
  if (doc["status"] === "failed" || error !== undefined) {
    throw new Failure("upstream", stringOf(error?.["message"]) ?? "the response failed", {
      code: stringOf(error?.["code"]) ?? "upstream_error",
    });
  }
  const parts: Part[] = [];
  const logprobs: unknown[] = [];
  for (const item of doc["output"]) {
    if (isObject(item)) decodeItem(item, parts, logprobs);
  }
  const hasCalls = parts.some((part) => part.type === "call");
  const refused = parts.some((part) => part.type === "refusal");
  const raw = decodeLogprobs(logprobs);
  return {
    id: stringOf(doc["id"]) ?? "",
    model: stringOf(doc["model"]) ?? context.model,
    created: numberOf(doc["created_at"]) ?? 0,
    candidates: [
      { parts, stop: decodeStop(doc, hasCalls, refused), ...(raw === undefined ? {} : { logprobs: raw }) },
    ],
    usage: decodeUsage(doc["usage"]),
  };
}

/** The parts of one output item; other vendors' clients are shown neither hosted calls nor unknown items. */
function decodeItem(item: JsonObject, parts: Part[], logprobs: unknown[]): void {
  switch (item["type"]) {
    case "message":
      for (const content of listOf(item["content"])) {
        if (isObject(content)) decodeContent(content, parts, logprobs);
      }
      return;
    case "reasoning":
      decodeReasoning(item, parts);
      return;
    case "function_call":
    case "custom_tool_call": {
      const custom = item["type"] === "custom_tool_call";
      const namespace = stringOf(item["namespace"]);
      parts.push({
        type: "call",
        id: stringOf(item["call_id"]) ?? stringOf(item["id"]) ?? "",
        name: stringOf(item["name"]) ?? "",
        arguments: stringOf(item[custom ? "input" : "arguments"]) ?? "",
        kind: custom ? "custom" : "function",
        ...(namespace === undefined ? {} : { namespace }),
      });
      return;
    }
    default:
      parts.push({ type: "opaque", vendor: "openai", raw: JSON.stringify(item) });
  }
}

function decodeContent(content: JsonObject, parts: Part[], logprobs: unknown[]): void {
  if (content["type"] === "refusal") {
    parts.push({ type: "refusal", text: stringOf(content["refusal"]) ?? "" });
    return;
  }
  const text = stringOf(content["text"]);
  if (text === undefined) return;
  const citations: Citation[] = [];
  for (const annotation of listOf(content["annotations"])) {
    const citation = decodeAnnotation(annotation);
    if (citation !== null) citations.push(citation);
  }
  for (const logprob of listOf(content["logprobs"])) logprobs.push(logprob);
  parts.push({ type: "text", text, ...(citations.length === 0 ? {} : { citations }) });
}

/** Text of a reasoning item: its summary, else (open models) the reasoning itself. */
export function reasoningText(item: JsonObject): string {
  const pieces: string[] = [];
  const summary = listOf(item["summary"]);
  for (const piece of summary.length > 0 ? summary : listOf(item["content"])) {
    const text = stringOf(objectOf(piece)?.["text"]);
    if (text !== undefined) pieces.push(text);
  }
  return pieces.join("\n\n");
}

function decodeReasoning(item: JsonObject, parts: Part[]): void {
  const text = reasoningText(item);
  const encrypted = stringOf(item["encrypted_content"]) ?? "";
  const id = stringOf(item["id"]);
  if (text === "" && encrypted === "") return;
  parts.push({
    type: "thinking",
    text,
    ...(encrypted === ""
      ? {}
      : { signature: { vendor: "openai", value: encrypted, ...(id === undefined ? {} : { id }) } }),
  });
}

/** The object that ends a stream is the whole answer, so both ways cannot differ. Throws Failure (502) for a broken one. */
export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const encoder = new ResponsesEncoder(context);
  for (const event of responseEvents(response)) encoder.encode(event);
  if (encoder.failure !== null) throw encoder.failure;
  return encoder.response;
}
