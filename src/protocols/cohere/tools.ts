/** Tools and their choice as Cohere takes them: the choice is made by what is offered, and REQUIRED or NONE. */
import { dropHosted } from "../hosted-tools.ts";
import type { ChatRequest, Tool } from "../neutral.ts";
import type { ConvertContext } from "../protocol.ts";
import { customToolSchema, schemaOrEmpty } from "../schema-text.ts";
import { COHERE_NAMES, registerTool } from "../tool-names.ts";

export interface OfferedTools {
  readonly tools: readonly Tool[];
  /** null = the model decides. */
  readonly choice: "REQUIRED" | "NONE" | null;
}

/** The tools that can be offered, narrowed to what the choice allows (40-protocols 1.3). */
export function offeredTools(request: ChatRequest, context: ConvertContext): OfferedTools {
  const { choice } = request;
  const tools: Tool[] = [];
  for (const tool of request.tools) {
    if (tool.kind === "hosted" || (tool.kind === "client" && tool.schema === "")) {
      dropHosted(tool, request, context);
    } else tools.push(tool);
  }
  if (choice === undefined || tools.length === 0) return { tools, choice: null };
  if (choice.parallel === false) context.warn("parallel_tool_calls", "parallel_tool_calls");
  if (choice.mode === "none") return { tools, choice: "NONE" };
  if (choice.mode === "required") return { tools, choice: "REQUIRED" };
  if (choice.mode !== "one" && choice.mode !== "allowed") return { tools, choice: null };
  const named = tools.filter((tool) => choice.names?.includes(tool.name));
  if (choice.mode === "allowed") context.warn("tool_subset", "tool_choice");
  const forced = choice.mode === "one" || choice.required === true;
  return { tools: named, choice: forced && named.length > 0 ? "REQUIRED" : null };
}

export function encodeTools(tools: readonly Tool[], context: ConvertContext): object[] {
  return tools.map((tool) => {
    const custom = tool.kind === "custom";
    const schema = custom ? customToolSchema(tool.grammar) : schemaOrEmpty(tool.schema);
    return {
      type: "function",
      function: {
        name: registerTool(context.names, tool, COHERE_NAMES, { custom }),
        ...(tool.description === undefined ? {} : { description: tool.description }),
        parameters: context.large.raw(schema),
      },
    };
  });
}
