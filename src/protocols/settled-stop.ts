/** The end a caller is told, settled by what the answer held. */
import type { Stop } from "./neutral.ts";

/** Whether it was a tool call is told by the calls, not by the vendor's word; a cut by length outranks it (40-protocols 2.1). */
export function settleStop(stop: Stop, hasCalls: boolean): Stop {
  if (hasCalls && (stop.reason === "stop" || stop.reason === "stop_sequence")) {
    return { reason: "tool_call" };
  }
  if (!hasCalls && stop.reason === "tool_call") return { ...stop, reason: "stop" };
  return stop;
}
