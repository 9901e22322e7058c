/** Gemini's whole answer, read from an upstream and written for a client. */
import { Failure } from "../../base/failure.ts";
import { AnswerAssembler, settleResponse } from "../answer-assembly.ts";
import { ArgumentScanner } from "../argument-scanner.ts";
import { ANY_IDS } from "../call-ids.ts";
import { isObject, listOf } from "../json-value.ts";
import type { ChatResponse, Part, StreamEvent } from "../neutral.ts";
import type { AnswerContext, ConvertContext } from "../protocol.ts";
import { callJson, encodeSignature, type GeminiCall, settleBroken } from "./answer-parts.ts";
import { GroundingBuilder } from "./citations.ts";
import { encodeLogprobs } from "./logprobs.ts";
import { randomId } from "./response-id.ts";
import { GeminiDecoder } from "./stream-decoder.ts";
import { encodeFinish, encodeUsage } from "./types.ts";

/** Reads an answer; a JSON array (a stream without `alt=sse`, the compat endpoint) counts as its chunks joined. */
export function decodeResponse(doc: unknown, context: ConvertContext): ChatResponse {
  const chunks = Array.isArray(doc) ? listOf(doc) : [doc];
  const decoder = new GeminiDecoder(context, chunks.length === 1);
  const events: StreamEvent[] = [];
  for (const chunk of chunks) {
    if (!isObject(chunk)) throw noAnswer("the upstream's answer is not a JSON object");
    decoder.chunk(chunk, null, events);
  }
  decoder.finish(events);
  const assembler = new AnswerAssembler();
  for (const event of events) assembler.push(event);
  const response = assembler.result();
  if (response.candidates.length === 0) throw noAnswer("the upstream's answer holds no candidate");
  return response;
}

function noAnswer(message: string): Failure {
  return new Failure("upstream", message, { code: "bad_upstream_response" });
}

/** JSON text of the answer for a Gemini client. */
export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const settled = settleResponse(response, context, { ids: ANY_IDS, broken: "pass" });
  const candidates = settled.candidates.map((candidate, index) => encodeCandidate(candidate, index, context));
  const rest = {
    usageMetadata: encodeUsage(settled.usage),
    modelVersion: context.answerModel || settled.model,
    ...(settled.created > 0 ? { createTime: new Date(settled.created * 1000).toISOString() } : {}),
    responseId: settled.id || randomId(context.random),
  };
  return `{"candidates":[${candidates.join(",")}],${JSON.stringify(rest).slice(1)}`;
}

function encodeCandidate(
  candidate: ChatResponse["candidates"][number],
  index: number,
  context: AnswerContext,
): string {
  const parts: string[] = [];
  const grounding = new GroundingBuilder();
  let broken = false;
  for (const part of candidate.parts) {
    if (part.type === "text") {
      for (const citation of part.citations ?? []) {
        if (grounding.takes(part.text.length)) grounding.add(citation, part.text, parts.length, 0);
      }
    }
    const json = encodePart(part, context);
    if (json === null) broken = true;
    else if (json !== "") parts.push(json);
  }
  const stop = settleBroken(candidate.stop, broken);
  const metadata = grounding.metadata();
  const logprobs = candidate.logprobs === undefined ? undefined : encodeLogprobs(candidate.logprobs);
  const rest = {
    finishReason: encodeFinish(stop),
    ...(stop.detail === undefined ? {} : { finishMessage: stop.detail }),
    index,
    ...(metadata === undefined ? {} : { groundingMetadata: metadata }),
    ...(logprobs === undefined ? {} : { logprobsResult: logprobs }),
  };
  if (parts.length === 0) parts.push('{"text":""}');
  return `{"content":{"role":"model","parts":[${parts.join(",")}]},${JSON.stringify(rest).slice(1)}`;
}

/** A part's JSON text; "" = not for this client, null = a call that is no JSON object. */
function encodePart(part: Part, context: AnswerContext): string | null {
  switch (part.type) {
    case "text":
      if (part.text === "" && part.signature === undefined) return "";
      return `{"text":${JSON.stringify(part.text)}${signatureJson(part, context)}}`;
    case "thinking": {
      const hidden = context.request.reasoning.show === "none";
      const text = hidden ? "" : part.text;
      if (text === "" && part.signature === undefined) return "";
      return `{"text":${JSON.stringify(text)},"thought":true${signatureJson(part, context)}}`;
    }
    case "refusal":
      return JSON.stringify({ text: part.text });
    case "image":
      if (part.source.kind !== "base64") return "";
      return JSON.stringify({ inlineData: { mimeType: part.source.mime, data: part.source.data } });
    case "opaque":
      return part.vendor === "google" ? part.raw : "";
    case "call":
      return encodeCall(part, context);
    default:
      return "";
  }
}

function signatureJson(part: Extract<Part, { type: "text" | "thinking" }>, context: AnswerContext): string {
  if (part.signature === undefined) return "";
  return `,"thoughtSignature":${JSON.stringify(encodeSignature(part.signature, context.origin))}`;
}

function encodeCall(part: Extract<Part, { type: "call" }>, context: AnswerContext): string | null {
  const scanner = new ArgumentScanner();
  const args = scanner.push(part.arguments);
  if (!scanner.empty && !(scanner.complete && scanner.isObject)) return null;
  const call: GeminiCall = { id: part.id, name: part.name };
  if (part.signature !== undefined) call.signature = encodeSignature(part.signature, context.origin);
  return callJson(call, scanner.empty ? "{}" : args);
}
