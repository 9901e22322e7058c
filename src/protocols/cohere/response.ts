/** Cohere v2's whole answer, read from an upstream and written for a client. */
import { Failure } from "../../base/failure.ts";
import { settleResponse } from "../answer-assembly.ts";
import { ANY_IDS } from "../call-ids.ts";
import { countCharacters } from "../characters.ts";
import { isObject, type JsonObject, listOf, stringOf } from "../json-value.ts";
import type { ChatResponse, Part, Stop } from "../neutral.ts";
import type { AnswerContext, ConvertContext } from "../protocol.ts";
import { decodeCitation, encodeCitation } from "./citations.ts";
import { decodeLogprobs, encodeLogprobs } from "./logprobs.ts";
import { rememberSignature } from "./stream-encoder.ts";
import { answerId, decodeFinish, decodeUsage, encodeFinish, encodeUsage } from "./types.ts";

export function noAnswer(): Failure {
  return new Failure("upstream", "the upstream's answer is not a Cohere answer", {
    code: "bad_upstream_response",
  });
}

/** A generation that failed is no answer, whatever the status said. */
export function refuseFailed(stop: Stop): void {
  if (stop.reason !== "failed") return;
  throw new Failure("upstream", stop.detail ?? "the upstream failed", { code: "upstream_error" });
}

export function decodeResponse(doc: unknown, context: ConvertContext): ChatResponse {
  if (!isObject(doc) || !isObject(doc.message)) throw noAnswer();
  const { message } = doc;
  const calls = decodeCalls(message, context);
  const stop = decodeFinish(stringOf(doc.finish_reason) ?? "", "", calls.length > 0);
  refuseFailed(stop);
  const parts: Part[] = [];
  const plan = stringOf(message.tool_plan);
  if (plan !== undefined && plan !== "") parts.push({ type: "thinking", text: plan });
  for (const part of decodeContent(message)) parts.push(part);
  for (const call of calls) parts.push(call);
  const candidate: ChatResponse["candidates"][number] = { parts, stop };
  const logprobs = decodeLogprobs(doc.logprobs);
  if (logprobs !== null) candidate.logprobs = logprobs;
  return {
    id: stringOf(doc.id) ?? "",
    model: context.model,
    created: context.now,
    candidates: [candidate],
    usage: decodeUsage(doc.usage),
  };
}

function decodeContent(message: JsonObject): Part[] {
  if (typeof message.content === "string") return [{ type: "text", text: message.content }];
  // Indices of citations count all blocks, whatever becomes of them here.
  const blocks = listOf(message.content).map((block): Part | null => {
    if (!isObject(block)) return null;
    if (typeof block.thinking === "string") return { type: "thinking", text: block.thinking };
    return typeof block.text === "string" ? { type: "text", text: block.text } : null;
  });
  for (const value of listOf(message.citations)) {
    const { contentIndex, citations } = decodeCitation(value);
    const block = blocks[contentIndex];
    if (block?.type !== "text" || citations.length === 0) continue;
    block.citations ??= [];
    for (const citation of citations) block.citations.push(citation);
  }
  return blocks.filter((block) => block !== null);
}

function decodeCalls(message: JsonObject, context: ConvertContext): Part[] {
  const calls: Part[] = [];
  for (const call of listOf(message.tool_calls)) {
    if (!isObject(call) || !isObject(call.function)) continue;
    const fn = call.function;
    calls.push({
      type: "call",
      id: stringOf(call.id) ?? "",
      name: stringOf(fn.name) ?? "",
      arguments: stringOf(fn.arguments) ?? context.large.jsonText(fn.arguments),
      kind: "function",
    });
  }
  return calls;
}

/** JSON text of the answer for a v2 client. Throws Failure (502) where Cohere has no word for what came. */
export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const settled = settleResponse(response, context, { ids: ANY_IDS, broken: "pass" });
  const candidate = onlyCandidate(settled, context);
  const message: Record<string, unknown> = { role: "assistant" };
  const content: object[] = [];
  const calls: object[] = [];
  const citations: object[] = [];
  const thoughts: string[] = [];
  const hasCalls = candidate.parts.some((part) => part.type === "call");
  for (const part of candidate.parts) {
    if (part.type === "thinking") {
      if (hasCalls) thoughts.push(part.text);
      else if (part.text !== "") content.push({ type: "thinking", thinking: part.text });
    } else if (part.type === "text" || part.type === "refusal") {
      const length = countCharacters(part.text);
      for (const citation of (part.type === "text" && part.citations) || [])
        citations.push(encodeCitation(citation, content.length, length));
      if (part.text !== "") content.push({ type: "text", text: part.text });
    } else if (part.type === "call") {
      if (part.signature !== undefined) rememberSignature(part.id, part.signature, context);
      const text = part.arguments.trim() === "" ? "{}" : part.arguments;
      calls.push({ id: part.id, type: "function", function: { name: part.name, arguments: text } });
    } else context.warn(part.type === "image" ? "image_dropped" : "vendor_item", "content");
  }
  if (calls.length > 0) {
    message.tool_calls = calls;
    if (thoughts.length > 0) message.tool_plan = thoughts.join("\n\n");
  }
  if (content.length > 0 || calls.length === 0) message.content = content;
  if (citations.length > 0) message.citations = citations;
  const logprobs = candidate.logprobs === undefined ? undefined : encodeLogprobs(candidate.logprobs);
  return JSON.stringify({
    id: answerId(settled.id, context.random),
    finish_reason: encodeFinish(candidate.stop),
    message,
    usage: encodeUsage(settled.usage),
    ...(logprobs === undefined ? {} : { logprobs }),
  });
}

/** Cohere gives one candidate. Throws Failure (502) for a failed one and for a broken call. */
export function onlyCandidate(
  response: ChatResponse,
  context: AnswerContext,
): ChatResponse["candidates"][number] {
  const candidate = response.candidates[0];
  if (candidate === undefined) throw noAnswer();
  if (response.candidates.length > 1) context.warn("candidates_dropped", "n");
  refuseFailed(candidate.stop);
  if (candidate.stop.reason === "broken_call")
    throw new Failure("upstream", candidate.stop.detail ?? "the model's tool call is broken", {
      code: "broken_call",
    });
  return candidate;
}
