/** Gemini's words on the wire: finish reasons, usage, and reading members in either spelling. */
import { isObject, type JsonObject, numberOf } from "../json-value.ts";
import type { Stop, StopReason, Usage } from "../neutral.ts";
import { camelCase } from "./schema.ts";

/** Protobuf JSON takes `inline_data` for `inlineData`; the members' own values are left alone. */
export function camelMembers(value: JsonObject): JsonObject {
  let plain = true;
  for (const name in value) {
    if (name.includes("_")) plain = false;
  }
  if (plain) return value;
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(value)) result[camelCase(name)] = value[name];
  return result;
}

/** An int64 comes as a number or, in protobuf's JSON, as a string. */
export function integerOf(value: unknown): number | undefined {
  if (typeof value === "string" && /^-?\d{1,15}$/.test(value)) return Number(value);
  return numberOf(value);
}

/** 40-protocols 2.1, Gemini's column read from the right. An unknown word is a stop: the enum is open. */
const DECODED: Readonly<Record<string, StopReason>> = {
  STOP: "stop",
  FINISH_REASON_UNSPECIFIED: "stop",
  MAX_TOKENS: "length",
  SAFETY: "filtered",
  RECITATION: "filtered",
  LANGUAGE: "filtered",
  BLOCKLIST: "filtered",
  PROHIBITED_CONTENT: "filtered",
  SPII: "filtered",
  NO_IMAGE: "filtered",
  CONTINUATION: "pause",
  MALFORMED_FUNCTION_CALL: "broken_call",
  UNEXPECTED_TOOL_CALL: "broken_call",
  TOO_MANY_TOOL_CALLS: "broken_call",
  MALFORMED_RESPONSE: "broken_call",
  MISSING_THOUGHT_SIGNATURE: "broken_call",
};

const ENCODED: Readonly<Record<StopReason, string>> = {
  stop: "STOP",
  stop_sequence: "STOP",
  length: "MAX_TOKENS",
  context_full: "MAX_TOKENS",
  tool_call: "STOP",
  filtered: "SAFETY",
  refusal: "STOP",
  pause: "MAX_TOKENS",
  broken_call: "MALFORMED_FUNCTION_CALL",
  failed: "OTHER",
};

export interface CandidateFacts {
  readonly hasCalls: boolean;
  readonly hasContent: boolean;
}

/** What a `finishReason` means, given what the candidate holds: calls decide over the word, except over `length`. */
export function decodeFinish(word: string, message: string, facts: CandidateFacts): Stop {
  let reason: StopReason;
  if (word.startsWith("IMAGE_")) reason = "filtered";
  else if (word === "OTHER") reason = facts.hasContent ? "stop" : "failed";
  else reason = DECODED[word] ?? "stop";
  if (facts.hasCalls && reason === "stop") reason = "tool_call";
  const stop: Stop = { reason };
  if (reason === "filtered" || reason === "broken_call" || reason === "failed") {
    stop.detail = message === "" ? word : message;
    stop.category = word.toLowerCase();
  }
  return stop;
}

/** Categories that are Gemini's own words go back as they came. */
export function encodeFinish(stop: Stop): string {
  const own = stop.category?.toUpperCase();
  if (own !== undefined && (DECODED[own] ?? (own.startsWith("IMAGE_") ? "filtered" : "")) === stop.reason)
    return own;
  return ENCODED[stop.reason];
}

/** `promptFeedback.blockReason`: the prompt was refused and there is no candidate. null = not blocked. */
export function decodeBlock(feedback: unknown): Stop | null {
  if (!isObject(feedback) || typeof feedback.blockReason !== "string" || feedback.blockReason === "")
    return null;
  const message = feedback.blockReasonMessage;
  return {
    reason: "filtered",
    detail: typeof message === "string" && message !== "" ? message : feedback.blockReason,
    category: feedback.blockReason.toLowerCase(),
  };
}

/** Reads `usageMetadata`; null when it is none. Counts are cumulative within a stream. */
export function decodeUsage(value: unknown): Usage | null {
  if (!isObject(value)) return null;
  const prompt = integerOf(value.promptTokenCount);
  const toolUse = integerOf(value.toolUsePromptTokenCount);
  const candidates = integerOf(value.candidatesTokenCount);
  const thoughts = integerOf(value.thoughtsTokenCount);
  return {
    input: prompt === undefined ? null : prompt + (toolUse ?? 0),
    cacheRead: integerOf(value.cachedContentTokenCount) ?? null,
    cacheWrite: null,
    cacheWriteLong: null,
    // Zero counts are left out on the wire, so the prompt's figure tells that the rest is zero.
    output:
      candidates === undefined && thoughts === undefined
        ? prompt === undefined
          ? null
          : 0
        : (candidates ?? 0) + (thoughts ?? 0),
    reasoning: thoughts ?? null,
  };
}

export interface UsageMetadata {
  promptTokenCount: number;
  candidatesTokenCount: number;
  totalTokenCount: number;
  cachedContentTokenCount?: number;
  thoughtsTokenCount?: number;
}

/** Gemini counts thoughts beside the candidates, and always adds up to the total. */
export function encodeUsage(usage: Usage | null): UsageMetadata {
  const input = usage?.input ?? 0;
  const output = usage?.output ?? 0;
  const result: UsageMetadata = {
    promptTokenCount: input,
    candidatesTokenCount: Math.max(0, output - (usage?.reasoning ?? 0)),
    totalTokenCount: input + output,
  };
  if (usage?.cacheRead) result.cachedContentTokenCount = usage.cacheRead;
  if (usage?.reasoning) result.thoughtsTokenCount = usage.reasoning;
  return result;
}
