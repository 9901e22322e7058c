/** Anthropic's stop reasons <-> neutral ones (40-protocols 2.1). */
import { type JsonObject, objectOf, stringOf } from "../json-value.ts";
import type { Stop, StopReason } from "../neutral.ts";

const STOPS = new Map<string, StopReason>([
  ["end_turn", "stop"],
  ["stop_sequence", "stop_sequence"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "context_full"],
  ["tool_use", "tool_call"],
  // Its classifiers stepped in: a filter, not the model's own words (2.1).
  ["refusal", "filtered"],
  ["pause_turn", "pause"],
]);

/** `message` is a message or a message_delta's `delta`; null when no reason is given yet. */
export function readStop(message: JsonObject): Stop | null {
  const word = stringOf(message.stop_reason);
  if (word === undefined) return null;
  const sequence = stringOf(message.stop_sequence);
  const details = objectOf(message.stop_details);
  const detail = stringOf(details?.explanation);
  const category = stringOf(details?.category);
  return {
    reason: STOPS.get(word) ?? "stop",
    ...(sequence === undefined ? {} : { sequence }),
    ...(detail === undefined ? {} : { detail }),
    ...(category === undefined ? {} : { category }),
  };
}

function writeStopReason(reason: StopReason): string {
  switch (reason) {
    case "stop_sequence":
      return "stop_sequence";
    case "length":
      return "max_tokens";
    case "context_full":
      return "model_context_window_exceeded";
    case "tool_call":
      return "tool_use";
    case "filtered":
    case "refusal":
      return "refusal";
    case "pause":
      return "pause_turn";
    default:
      return "end_turn";
  }
}

/** Members of a message that tell how it stopped. */
export function writeStop(stop: Stop): Record<string, unknown> {
  const reason = writeStopReason(stop.reason);
  return {
    stop_reason: reason,
    stop_sequence: reason === "stop_sequence" ? (stop.sequence ?? null) : null,
    ...(reason === "refusal"
      ? {
          stop_details: {
            type: "refusal",
            category: stop.category ?? null,
            explanation: stop.detail ?? null,
          },
        }
      : {}),
  };
}
