/** Chat's finish reasons <-> neutral stop reasons (40-protocols 2.1). */
import type { Stop, StopReason } from "../neutral.ts";

const STOPS = new Map<string, StopReason>([
  ["stop", "stop"],
  ["eos", "stop"],
  ["length", "length"],
  ["max_tokens", "length"],
  ["model_length", "context_full"],
  ["tool_calls", "tool_call"],
  ["function_call", "tool_call"],
  ["content_filter", "filtered"],
  ["error", "failed"],
]);

/** Enums are open: an unknown word is a plain stop. */
export function readFinish(word: string): Stop {
  return { reason: STOPS.get(word) ?? "stop" };
}

export function writeFinish(reason: StopReason): string {
  switch (reason) {
    case "length":
    case "context_full":
    case "pause":
      return "length";
    case "tool_call":
      return "tool_calls";
    case "filtered":
      return "content_filter";
    default:
      return "stop";
  }
}
