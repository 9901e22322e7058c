/** Tools that a vendor has itself: another one does not. */
import { badRequest } from "../base/failure.ts";
import type { ChatRequest, Tool } from "./neutral.ts";
import type { ConvertContext } from "./protocol.ts";

/** Leaves the tool out; only a forced one makes the request pointless. Throws a Failure (400) then. */
export function dropHosted(tool: Tool, request: ChatRequest, context: ConvertContext): void {
  if (request.choice?.mode === "one" && request.choice.names?.[0] === tool.name) {
    throw badRequest(
      `tool_choice forces ${tool.name}, which this target does not have`,
      "unsupported_parameter",
      "tool_choice",
    );
  }
  context.warn("hosted_tool", tool.name);
}
