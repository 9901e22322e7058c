/** A whole answer of `/api/chat` or `/api/generate`, read and written. */
import { Failure } from "../../base/failure.ts";
import { settleResponse } from "../answer-assembly.ts";
import { ANY_IDS } from "../call-ids.ts";
import { objectOf, stringOf } from "../json-value.ts";
import type { ChatResponse, Part } from "../neutral.ts";
import type { AnswerContext, ConvertContext } from "../protocol.ts";
import { AnswerLines } from "./answer-lines.ts";
import { readCalls } from "./message-decoder.ts";
import { decodeDate, decodeStop, decodeUsage } from "./types.ts";

/** Throws Failure (502) for what is no answer. */
export function decodeResponse(doc: unknown, context: ConvertContext): ChatResponse {
  const body = objectOf(doc);
  const message = objectOf(body?.["message"]);
  const text = stringOf(message?.["content"]) ?? stringOf(body?.["response"]);
  if (body === undefined || (message === undefined && text === undefined)) {
    throw new Failure("upstream", stringOf(body?.["error"]) ?? "the answer is not one of Ollama's", {
      code: "bad_upstream_response",
    });
  }
  const parts: Part[] = [];
  const thinking = stringOf(message?.["thinking"]) ?? stringOf(body["thinking"]) ?? "";
  if (thinking !== "") parts.push({ type: "thinking", text: thinking });
  if (text !== undefined && text !== "") parts.push({ type: "text", text });
  const calls = readCalls(message ?? {}, (value) => context.large.jsonText(value));
  for (const call of calls) parts.push({ type: "call", kind: "function", ...call });
  return {
    id: "",
    model: stringOf(body["model"]) ?? context.model,
    created: decodeDate(body["created_at"]) ?? context.now,
    candidates: [{ parts, stop: decodeStop(body["done_reason"], calls.length > 0) }],
    usage: decodeUsage(body),
  };
}

/** JSON text of the answer. Throws Failure (502) for a broken call. */
export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const settled = settleResponse(response, context, { ids: ANY_IDS, broken: "fail" });
  const lines = new AnswerLines(context, settled.model, settled.created);
  const first = settled.candidates[0];
  let text = "";
  let thinking = "";
  const calls: object[] = [];
  for (const part of first?.parts ?? []) {
    if (part.type === "text" || part.type === "refusal") text += part.text;
    else if (part.type === "thinking") thinking += part.text;
    else if (part.type === "call") {
      const call = lines.call(part.name, part.kind === "custom", part.arguments);
      if (call !== null) calls.push(call);
    }
  }
  if (settled.candidates.length > 1) context.warn("candidates_dropped", "n");
  const stop = first?.stop ?? { reason: "stop" };
  if (text === "" && calls.length === 0 && stop.reason === "filtered") text = stop.detail ?? "";
  return lines.last(stop, settled.usage, {
    text,
    ...(thinking === "" ? {} : { thinking }),
    ...(calls.length === 0 ? {} : { calls }),
  });
}

/** The answer to a request that only loads the model; `seconds` since 1970. */
export function writeLoadAnswer(model: string, endpoint: "chat" | "generate", seconds: number): string {
  return JSON.stringify({
    model,
    created_at: new Date(seconds * 1000).toISOString(),
    ...(endpoint === "chat" ? { message: { role: "assistant", content: "" } } : { response: "" }),
    done_reason: "load",
    done: true,
  });
}
