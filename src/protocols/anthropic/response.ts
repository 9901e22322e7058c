/** Whole Anthropic messages: an upstream's -> neutral, neutral -> the caller's (40-protocols 2). */
import { Failure } from "../../base/failure.ts";
import { watchNames } from "../../base/json-names.ts";
import { findMember, parseValue, scanObject } from "../../base/json-scan.ts";
import { settleResponse } from "../answer-assembly.ts";
import { ANTHROPIC_IDS } from "../call-ids.ts";
import { type JsonObject, listOf, objectOf, stringOf } from "../json-value.ts";
import type { ChatResponse, Part, Signature, Usage } from "../neutral.ts";
import type { AnswerContext, ConvertContext, UsageCounts } from "../protocol.ts";
import { encodeCarrier } from "../signature-carrier.ts";
import { callerSignature } from "./caller-signature.ts";
import { readCitation, writeCitation } from "./citations.ts";
import { readErrorObject } from "./errors.ts";
import { answerId, answerModel } from "./identity.ts";
import { readStop, writeStop } from "./stop.ts";
import {
  type AnthropicCounts,
  emptyCounts,
  readCounts,
  readUsageMember,
  usageOf,
  writeUsage,
} from "./usage.ts";

/** Throws a Failure (502) when the document is no message; an error body in a 200 keeps its words. */
export function decodeResponse(doc: unknown, context: ConvertContext): ChatResponse {
  const message = objectOf(doc);
  if (message === undefined || !Array.isArray(message.content)) {
    const error = readErrorObject(doc, 0);
    throw new Failure("upstream", error?.message ?? "the upstream's answer is no message", {
      code: error === null ? "bad_upstream_response" : "upstream_error",
    });
  }
  const parts = listOf(message.content).flatMap((item) => decodeBlock(objectOf(item) ?? {}, context));
  return {
    id: stringOf(message.id) ?? "",
    model: stringOf(message.model) ?? "",
    created: 0,
    candidates: [{ parts, stop: readStop(message) ?? { reason: "stop" } }],
    usage: readUsageMember(message.usage),
  };
}

function decodeBlock(block: JsonObject, context: ConvertContext): Part[] {
  switch (block.type) {
    case "text": {
      const citations = listOf(block.citations)
        .map(readCitation)
        .filter((citation) => citation !== null);
      const text = stringOf(block.text) ?? "";
      return [{ type: "text", text, ...(citations.length === 0 ? {} : { citations }) }];
    }
    case "thinking": {
      const value = stringOf(block.signature) ?? "";
      const signature = value === "" ? {} : { signature: { vendor: "anthropic", value } as const };
      return [{ type: "thinking", text: stringOf(block.thinking) ?? "", ...signature }];
    }
    case "redacted_thinking":
      return [
        {
          type: "thinking",
          text: "",
          signature: { vendor: "anthropic", value: stringOf(block.data) ?? "", redacted: true },
        },
      ];
    case "tool_use":
      return [
        {
          type: "call",
          id: stringOf(block.id) ?? "",
          name: stringOf(block.name) ?? "",
          arguments: context.large.expand(context.large.jsonText(block.input ?? {})),
          kind: "function",
        },
      ];
    default:
      return [
        { type: "opaque", vendor: "anthropic", raw: context.large.expand(context.large.jsonText(block)) },
      ];
  }
}

export function encodeResponse(response: ChatResponse, context: AnswerContext): string {
  const settled = settleResponse(response, context, { ids: ANTHROPIC_IDS, broken: "fail" });
  const candidate: ChatResponse["candidates"][number] = settled.candidates[0] ?? {
    parts: [],
    stop: { reason: "stop" },
  };
  if (settled.candidates.length > 1) context.warn("candidates_dropped", "n");
  const content = encodeParts(candidate.parts, context);
  const filtered = candidate.stop.reason === "filtered" || candidate.stop.reason === "refusal";
  if (content.length === 0 && filtered && candidate.stop.detail !== undefined) {
    content.push(JSON.stringify({ type: "text", text: candidate.stop.detail, citations: null }));
  }
  const head = JSON.stringify({
    id: answerId(settled.id, context),
    type: "message",
    role: "assistant",
    model: answerModel(settled.model, context),
    ...writeStop(candidate.stop),
    usage: writeUsage(settled.usage),
  });
  // The blocks hold verbatim JSON of the calls: they are put in as text.
  return `${head.slice(0, -1)},"content":[${content.join(",")}]}`;
}

function thinkingBlock(text: string, signatures: readonly Signature[], context: AnswerContext): string {
  // Every thinking block gets a signature where the vendor gave none: ai-sdk rejects a body without (1.7).
  return JSON.stringify({
    type: "thinking",
    thinking: text,
    signature: callerSignature(context, signatures),
  });
}

function encodeParts(parts: readonly Part[], context: AnswerContext): string[] {
  const blocks: string[] = [];
  for (const part of parts) {
    switch (part.type) {
      case "text": {
        const citations = (part.citations ?? []).map((citation) => writeCitation(citation, part.text));
        const cited = citations.length === 0 ? null : citations;
        blocks.push(JSON.stringify({ type: "text", text: part.text, citations: cited }));
        if (part.signature !== undefined) blocks.push(thinkingBlock("", [part.signature], context));
        break;
      }
      case "refusal":
        blocks.push(JSON.stringify({ type: "text", text: part.text, citations: null }));
        break;
      case "thinking":
        blocks.push(thinkingBlock(part.text, part.signature === undefined ? [] : [part.signature], context));
        break;
      case "call": {
        if (part.signature !== undefined) {
          blocks.push(thinkingBlock("", [part.signature], context));
          context.carriers.set(part.id, encodeCarrier(context.origin, [part.signature]));
        }
        const input = part.arguments.trim() === "" ? "{}" : part.arguments;
        const given = part.kind === "custom" ? JSON.stringify({ input: part.arguments }) : input;
        const name = part.namespace === undefined ? part.name : `${part.namespace}__${part.name}`;
        const call = JSON.stringify({ type: "tool_use", id: part.id, name });
        blocks.push(`${call.slice(0, -1)},"input":${wholeInput(given)}}`);
        break;
      }
      case "image":
        context.warn("image_dropped", "content");
        break;
      default:
        context.warn("vendor_item", part.type);
    }
  }
  return blocks;
}

/** Arguments that were cut by the token limit are no JSON: the caller gets what is whole of it. */
function wholeInput(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return "{}"; // Cut by the limit, which the stop reason says.
  }
}
const USAGE = watchNames(["usage"]);

/** Usage of a whole message that is relayed; null when it has none or is not an object. */
export function readUsage(body: Buffer): Usage | null {
  const counts = countsOf(body);
  return counts === null ? null : usageOf(counts);
}

function countsOf(body: Buffer): AnthropicCounts | null {
  try {
    const member = findMember(scanObject(body, USAGE), "usage");
    const counts = emptyCounts();
    return member !== undefined && readCounts(parseValue(body, member), counts) ? counts : null;
  } catch {
    return null; // Not an answer with figures; what it is, is judged elsewhere.
  }
}

export const usageCounts: UsageCounts = {
  read(body) {
    const counts = countsOf(body);
    if (counts === null) return null;
    const { input, cacheRead, cacheCreation, cacheLong, output, thinking } = counts;
    return [input, cacheRead, cacheCreation, cacheLong, output, thinking];
  },
  usageOf: (figures) =>
    usageOf({
      input: figures[0] ?? null,
      cacheRead: figures[1] ?? null,
      cacheCreation: figures[2] ?? null,
      cacheLong: figures[3] ?? null,
      output: figures[4] ?? null,
      thinking: figures[5] ?? null,
    }),
};
