/** Cohere v1's whole answer, read from an upstream and written for a client. */
import { settleResponse } from "../answer-assembly.ts";
import { ArgumentScanner } from "../argument-scanner.ts";
import { ANY_IDS } from "../call-ids.ts";
import { countCharacters } from "../characters.ts";
import { isObject, type JsonObject, listOf, stringOf } from "../json-value.ts";
import type { ChatResponse, Part, Stop, Usage } from "../neutral.ts";
import type { AnswerContext, ConvertContext } from "../protocol.ts";
import { CitationsV1, decodeCitationV1, documentsById } from "./citations.ts";
import { noAnswer, onlyCandidate, refuseFailed } from "./response.ts";
import { answerId, decodeFinish, decodeUsage, encodeFinishV1, encodeUsage } from "./types.ts";

export function decodeResponse(doc: unknown, context: ConvertContext): ChatResponse {
  if (!isObject(doc) || typeof doc.text !== "string") throw noAnswer();
  const calls = decodeCalls(doc, context);
  const stop = decodeFinish(stringOf(doc.finish_reason) ?? "", "", calls.length > 0);
  refuseFailed(stop);
  const parts: Part[] = [];
  if (doc.text !== "") {
    // Beside calls the text is the plan that leads to them.
    if (calls.length > 0) parts.push({ type: "thinking", text: doc.text });
    else {
      const text: Extract<Part, { type: "text" }> = { type: "text", text: doc.text };
      const documents = documentsById(listOf(doc.documents));
      const citations = listOf(doc.citations).flatMap((value) => decodeCitationV1(value, documents));
      if (citations.length > 0) text.citations = citations;
      parts.push(text);
    }
  }
  for (const call of calls) parts.push(call);
  return {
    id: stringOf(doc.generation_id) ?? stringOf(doc.response_id) ?? "",
    model: context.model,
    created: context.now,
    candidates: [{ parts, stop }],
    usage: decodeUsage(doc.meta),
  };
}

function decodeCalls(doc: JsonObject, context: ConvertContext): Part[] {
  return listOf(doc.tool_calls)
    .filter(isObject)
    .map((call) => ({
      type: "call",
      id: "",
      name: stringOf(call.name) ?? "",
      arguments: context.large.jsonText(call.parameters) || "{}",
      kind: "function",
    }));
}

export interface AnswerV1 {
  readonly id: string;
  readonly text: string;
  /** JSON texts of `{name, parameters}`. */
  readonly calls: readonly string[];
  readonly citations: CitationsV1;
  readonly usage: Usage | null;
}

/** JSON text of v1's answer, the same whole and inside `stream-end`. `finish` is the word for its reason. */
export function answerJson(answer: AnswerV1, finish: string): string {
  const { citations, documents } = answer.citations;
  const rest = {
    response_id: answer.id,
    generation_id: answer.id,
    text: answer.text,
    ...(citations.length === 0 ? {} : { citations, documents }),
    finish_reason: finish,
    meta: { api_version: { version: "1" }, ...encodeUsage(answer.usage) },
  };
  const json = JSON.stringify(rest);
  return answer.calls.length === 0 ? json : `${json.slice(0, -1)},"tool_calls":[${answer.calls.join(",")}]}`;
}

/** JSON text of a v1 call with its arguments as they came; null when they are no object. */
export function callJson(name: string, args: string): string | null {
  const scanner = new ArgumentScanner();
  const text = scanner.push(args);
  if (!scanner.empty && !(scanner.complete && scanner.isObject)) return null;
  return `{"name":${JSON.stringify(name)},"parameters":${scanner.empty ? "{}" : text}}`;
}

/** A call cut short by `length` is simply missing; any other broken one is a failure. */
export function isCut(stop: Stop): boolean {
  return stop.reason === "length" || stop.reason === "context_full" || stop.reason === "pause";
}

/** JSON text of the answer for a v1 client. Throws Failure (502) where Cohere has no word for what came. */
export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const settled = settleResponse(response, context, { ids: ANY_IDS, broken: "pass" });
  const candidate = onlyCandidate(settled, context);
  const citations = new CitationsV1();
  const calls: string[] = [];
  let text = "";
  let characters = 0;
  for (const part of candidate.parts) {
    if (part.type === "text" || part.type === "refusal") {
      const length = countCharacters(part.text);
      for (const citation of (part.type === "text" && part.citations) || [])
        citations.add(citation, characters, length);
      text += part.text;
      characters += length;
    } else if (part.type === "call") {
      const json = callJson(part.name, part.arguments);
      if (json !== null) calls.push(json);
      else if (!isCut(candidate.stop)) {
        const stop: Stop = { reason: "broken_call", detail: "the model's tool call is not a JSON object" };
        onlyCandidate({ ...settled, candidates: [{ ...candidate, stop }] }, context);
      }
    }
  }
  const id = answerId(settled.id, context.random);
  return answerJson({ id, text, calls, citations, usage: settled.usage }, encodeFinishV1(candidate.stop));
}
