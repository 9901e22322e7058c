/** Tools and tool choice of the neutral request, as Anthropic takes them (40-protocols 1.3, 1.5). */
import { badRequest } from "../../base/failure.ts";
import type { ChatRequest, Tool } from "../neutral.ts";
import type { Capability, ConvertContext } from "../protocol.ts";
import { claudeToolSchema, customToolSchema, structuredSchema } from "../schema-text.ts";
import { ANTHROPIC_NAMES, registerTool, upstreamName } from "../tool-names.ts";
import { type Block, cacheControl } from "./message-encoder.ts";

const RESPOND = "respond";

export interface EncodedTools {
  readonly list: Block[];
  readonly choice: Block | null;
}

export function encodeTools(
  request: ChatRequest,
  capability: Capability,
  context: ConvertContext,
): EncodedTools {
  const { choice } = request;
  let own = request.tools.filter((tool) => isTaken(tool, request, context));
  if (choice?.mode === "allowed") {
    context.warn("tool_subset", "tool_choice");
    const offered = new Set(choice.names);
    own = own.filter((tool) => offered.has(tool.name));
  }
  const list = own.map((tool) => encodeTool(tool, context));
  if (request.format?.kind === "schema" && capability.jsonSchema === false) {
    list.push(respondTool(request, context));
    context.names.respondTool = true;
    return { list, choice: { type: "tool", name: RESPOND } };
  }
  if (list.length === 0) return { list: stubsOfHistory(request), choice: null };
  return { list, choice: encodeChoice(request, own) };
}

function isTaken(tool: Tool, request: ChatRequest, context: ConvertContext): boolean {
  if (tool.kind !== "hosted" || tool.vendor === "anthropic") return true;
  if (request.choice?.mode === "one" && request.choice.names?.[0] === tool.name) {
    throw badRequest(`this target has no hosted tool ${tool.name}`, "unsupported_tool", "tool_choice");
  }
  context.warn("hosted_tool", tool.name);
  return false;
}

function encodeTool(tool: Tool, context: ConvertContext): Block {
  if (tool.raw !== undefined && tool.vendor === "anthropic") {
    return context.large.raw(tool.raw) as unknown as Block;
  }
  const description = tool.description === undefined ? {} : { description: tool.description };
  if (tool.kind === "custom") {
    const name = registerTool(context.names, tool, ANTHROPIC_NAMES, { custom: true });
    return {
      name,
      ...description,
      input_schema: context.large.raw(customToolSchema(tool.grammar)),
      ...cacheControl(tool.cache),
    };
  }
  const { text, wrapped } = claudeToolSchema(context.large.expand(tool.schema));
  const name = registerTool(context.names, tool, ANTHROPIC_NAMES, { wrapped });
  const strict = tool.strict === true;
  return {
    name,
    ...description,
    input_schema: context.large.raw(strict ? structuredSchema(text) : text),
    ...(strict ? { strict: true } : {}),
    ...cacheControl(tool.cache),
  };
}

/** An old Claude answers with JSON of a schema through a tool that it must call (1.5). */
function respondTool(request: ChatRequest, context: ConvertContext): Block {
  const schema = context.large.expand(request.format?.schema ?? "");
  return {
    name: RESPOND,
    description: request.format?.description ?? "Give the answer.",
    input_schema: context.large.raw(claudeToolSchema(schema).text),
  };
}

/** `tools` must be there when the history has calls (2023-06-01). */
function stubsOfHistory(request: ChatRequest): Block[] {
  const names = new Set<string>();
  for (const turn of request.turns) {
    for (const part of turn.parts) {
      if (part.type === "call") names.add(upstreamName(part.name, part.namespace, ANTHROPIC_NAMES));
    }
  }
  return [...names].map((name) => ({ name, input_schema: { type: "object", properties: {} } }));
}

function encodeChoice(request: ChatRequest, own: readonly Tool[]): Block | null {
  const { choice } = request;
  if (choice === undefined) return null;
  const serial = choice.parallel === false ? { disable_parallel_tool_use: true } : {};
  const name = choice.names?.[0] ?? "";
  const namespace = own.find((tool) => tool.name === name)?.namespace;
  switch (choice.mode) {
    case "none":
      return { type: "none" };
    case "required":
      return { type: "any", ...serial };
    case "one":
      return { type: "tool", name: upstreamName(name, namespace, ANTHROPIC_NAMES), ...serial };
    case "allowed":
      return { type: choice.required === true ? "any" : "auto", ...serial };
    default:
      return { type: "auto", ...serial };
  }
}
