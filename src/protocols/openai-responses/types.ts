/** What the Responses protocol calls things: usage, status, items and the members of its response object. */
import { isObject, numberOf, objectOf, stringOf } from "../json-value.ts";
import type { Citation, Stop, Usage } from "../neutral.ts";
import { tokenCount } from "../usage.ts";

/** Marks a tool result that was an error: the protocol has no place for it (40-protocols 1.4). */
export const ERROR_PREFIX = "[tool error] ";

export interface ResponseHead {
  readonly id: string;
  readonly model: string;
  /** Seconds since 1970. */
  readonly created: number;
}

export function decodeUsage(value: unknown): Usage | null {
  if (!isObject(value)) return null;
  const input = objectOf(value["input_tokens_details"]);
  const output = objectOf(value["output_tokens_details"]);
  return {
    input: tokenCount(value["input_tokens"]),
    cacheRead: tokenCount(input?.["cached_tokens"]),
    cacheWrite: tokenCount(input?.["cache_write_tokens"]),
    cacheWriteLong: null,
    output: tokenCount(value["output_tokens"]),
    reasoning: tokenCount(output?.["reasoning_tokens"]),
  };
}

/** Every member is required, so unknown figures are 0; ai-sdk refuses a terminal event without usage. */
export function encodeUsage(usage: Usage | null): object {
  const input = usage?.input ?? 0;
  const output = usage?.output ?? 0;
  return {
    input_tokens: input,
    input_tokens_details: {
      cached_tokens: usage?.cacheRead ?? 0,
      cache_write_tokens: (usage?.cacheWrite ?? 0) + (usage?.cacheWriteLong ?? 0),
    },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: usage?.reasoning ?? 0 },
    total_tokens: input + output,
  };
}

export type FinalStatus = "completed" | "incomplete" | "failed";

/** 40-protocols 2.1; `reason` = `incomplete_details.reason`. */
export function encodeStop(stop: Stop): { status: FinalStatus; reason: string | null } {
  switch (stop.reason) {
    case "length":
    case "context_full":
    case "pause":
      return { status: "incomplete", reason: "max_output_tokens" };
    case "filtered":
      return { status: "incomplete", reason: "content_filter" };
    case "broken_call":
    case "failed":
      return { status: "failed", reason: null };
    default:
      return { status: "completed", reason: null };
  }
}

/** The stop of a finished response object. Reasons are an open list: an unknown one is a cut by length. */
export function decodeStop(
  response: Readonly<Record<string, unknown>>,
  hasCalls: boolean,
  refused: boolean,
): Stop {
  if (response["status"] === "incomplete") {
    const reason = stringOf(objectOf(response["incomplete_details"])?.["reason"]);
    return { reason: reason === "content_filter" ? "filtered" : "length" };
  }
  if (response["status"] === "failed" || response["status"] === "cancelled") return { reason: "failed" };
  if (refused) return { reason: "refusal" };
  return { reason: hasCalls ? "tool_call" : "stop" };
}

export function decodeAnnotation(value: unknown): Citation | null {
  if (!isObject(value) || value["type"] !== "url_citation") return null;
  return {
    start: numberOf(value["start_index"]) ?? -1,
    end: numberOf(value["end_index"]) ?? -1,
    url: stringOf(value["url"]) ?? "",
    title: stringOf(value["title"]) ?? "",
  };
}

/** `textLength` is the range of a citation that covers its whole block. */
export function encodeAnnotation(citation: Citation, textLength: number): object {
  return {
    type: "url_citation",
    url: citation.url,
    title: citation.title,
    start_index: Math.max(0, citation.start),
    end_index: citation.end < 0 ? textLength : citation.end,
  };
}

/** Token log probabilities: Chat keeps them under `content`, Responses as the bare list. */
export function encodeLogprobs(raw: string): unknown[] {
  const value: unknown = JSON.parse(raw);
  const list = Array.isArray(value) ? value : objectOf(value)?.["content"];
  return Array.isArray(list) ? list : [];
}

export function decodeLogprobs(list: unknown): string | undefined {
  if (!Array.isArray(list) || list.length === 0) return undefined;
  return JSON.stringify({ content: list, refusal: null });
}
