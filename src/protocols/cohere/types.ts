/** Cohere's words on the wire, both versions: finish reasons, usage, ids and the limits of its parameters. */
import type { Random } from "../../base/clock.ts";
import { mintHex } from "../call-ids.ts";
import { isObject, numberOf, objectOf } from "../json-value.ts";
import type { Stop, StopReason, Usage } from "../neutral.ts";

/** 40-protocols 2.1, Cohere's column read from the right; v1 says COMPLETE beside its calls. */
const DECODED: Readonly<Record<string, StopReason>> = {
  COMPLETE: "stop",
  STOP_SEQUENCE: "stop_sequence",
  MAX_TOKENS: "length",
  ERROR_LIMIT: "context_full",
  TOOL_CALL: "tool_call",
  ERROR_TOXIC: "filtered",
  ERROR: "failed",
  TIMEOUT: "failed",
  USER_CANCEL: "failed",
};

/** An unknown word is a stop: the enum is open. Calls decide over the word, except over a cut. */
export function decodeFinish(word: string, detail: string, hasCalls: boolean): Stop {
  let reason = DECODED[word.toUpperCase()] ?? "stop";
  if (hasCalls && (reason === "stop" || reason === "stop_sequence")) reason = "tool_call";
  const stop: Stop = { reason };
  if (reason === "failed" || reason === "filtered") {
    stop.detail = detail === "" ? word : detail;
    stop.category = word.toLowerCase();
  }
  return stop;
}

const V2: Readonly<Record<StopReason, string>> = {
  stop: "COMPLETE",
  stop_sequence: "STOP_SEQUENCE",
  length: "MAX_TOKENS",
  context_full: "MAX_TOKENS",
  tool_call: "TOOL_CALL",
  filtered: "ERROR",
  refusal: "COMPLETE",
  pause: "MAX_TOKENS",
  broken_call: "ERROR",
  failed: "ERROR",
};

const V1: Readonly<Record<StopReason, string>> = {
  ...V2,
  context_full: "ERROR_LIMIT",
  tool_call: "COMPLETE",
  filtered: "ERROR_TOXIC",
};

export function encodeFinish(stop: Stop): string {
  return V2[stop.reason];
}

export function encodeFinishV1(stop: Stop): string {
  return V1[stop.reason];
}

/** v1's `stream-end` knows fewer words than its whole answer does. */
export function encodeStreamFinishV1(stop: Stop): string {
  return stop.reason === "stop_sequence" ? "COMPLETE" : V1[stop.reason];
}

/** Reads v2's `usage` or v1's `meta`; null when there is none. Billed units stand in where tokens are missing. */
export function decodeUsage(value: unknown): Usage | null {
  if (!isObject(value)) return null;
  const tokens = objectOf(value.tokens) ?? {};
  const billed = objectOf(value.billed_units) ?? {};
  const input = numberOf(tokens.input_tokens) ?? numberOf(billed.input_tokens);
  const output = numberOf(tokens.output_tokens) ?? numberOf(billed.output_tokens);
  if (input === undefined && output === undefined) return null;
  return {
    input: input ?? null,
    cacheRead: numberOf(value.cached_tokens) ?? null,
    cacheWrite: null,
    cacheWriteLong: null,
    output: output ?? null,
    reasoning: null,
  };
}

/** v2's `usage`, and what v1's `meta` holds beside the API version. */
export function encodeUsage(usage: Usage | null): Record<string, unknown> {
  const counts = { input_tokens: usage?.input ?? 0, output_tokens: usage?.output ?? 0 };
  const result: Record<string, unknown> = { billed_units: counts, tokens: counts };
  if (usage?.cacheRead) result.cached_tokens = usage.cacheRead;
  return result;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Cohere's ids are UUIDs; another vendor's is replaced. */
export function answerId(id: string, random: Random): string {
  if (UUID.test(id)) return id;
  const hex = mintHex(random, 32);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** Cohere takes five stop sequences; the rest is cut by the gateway. */
export const MAX_STOPS = 5;
