/** Tools and tool choice of a caller's body. */
import { badRequest } from "../../base/failure.ts";
import {
  type JsonObject,
  objectOf,
  readBoolean,
  readList,
  readString,
  requireObject,
  requireString,
  stringOf,
} from "../json-value.ts";
import type { Tool, ToolChoice } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";

const STRING = '{"type":"string"}';
const STRINGS = '{"type":"array","items":{"type":"string"}}';
const NUMBER = '{"type":"number"}';

/** Tools that the client runs, with their documented arguments, so that any model can call them. */
const CLIENT_TOOLS: Readonly<Record<string, { description: string; schema: string }>> = {
  local_shell: {
    description: "Runs a command on the user's computer and returns its output.",
    schema: `{"type":"object","properties":{"command":${STRINGS},"timeout_ms":${NUMBER},"working_directory":${STRING}},"required":["command"]}`,
  },
  shell: {
    description: "Runs shell commands on the user's computer and returns their output.",
    schema: `{"type":"object","properties":{"commands":${STRINGS},"timeout_ms":${NUMBER},"max_output_length":${NUMBER}},"required":["commands"]}`,
  },
  apply_patch: {
    description:
      "Creates, updates or deletes one file. `diff` is a V4A diff: for an update the changed hunks, for a creation the lines with a leading +.",
    schema: `{"type":"object","properties":{"type":{"type":"string","enum":["create_file","update_file","delete_file"]},"path":${STRING},"diff":${STRING}},"required":["type","path"]}`,
  },
};

/** Throws Failure (400, param). */
export function decodeTools(body: JsonObject, context: DecodeContext): Tool[] {
  const tools: Tool[] = [];
  (readList(body, "tools") ?? []).forEach((value, index) => {
    const path = `tools[${index}]`;
    decodeTool(requireObject(value, path), path, {}, tools, context);
  });
  return tools;
}

interface Group {
  readonly namespace?: string;
  readonly description?: string;
}

function decodeTool(
  tool: JsonObject,
  path: string,
  group: Group,
  tools: Tool[],
  context: DecodeContext,
): void {
  const type = requireString(tool, "type", path);
  if (type === "function" || type === "custom") {
    tools.push(decodeCallable(tool, type, path, group, context));
  } else if (type === "namespace") {
    const namespace = requireString(tool, "name", path);
    const description = readString(tool, "description", path);
    const inner = description === undefined ? { namespace } : { namespace, description };
    (readList(tool, "tools", path) ?? []).forEach((value, index) => {
      const where = `${path}.tools[${index}]`;
      decodeTool(requireObject(value, where), where, inner, tools, context);
    });
  } else if (type.startsWith("computer")) {
    throw badRequest(`${path}: this model's provider has no ${type} tool`, "unsupported_tool", path);
  } else {
    const client = CLIENT_TOOLS[type];
    tools.push({
      name: type,
      kind: client === undefined ? "hosted" : "client",
      vendor: "openai",
      schema: client?.schema ?? "",
      raw: JSON.stringify(tool),
      ...(client === undefined ? {} : { description: client.description }),
    });
  }
}

function decodeCallable(
  tool: JsonObject,
  kind: "function" | "custom",
  path: string,
  group: Group,
  context: DecodeContext,
): Tool {
  const own = readString(tool, "description", path);
  // Flattened tools lose their group's name in the model's eyes; its description tells what they are for.
  const description = [group.description, own]
    .filter((text) => text !== undefined && text !== "")
    .join("\n\n");
  const strict = readBoolean(tool, "strict", path);
  const schema = context.large.jsonText(tool["parameters"]);
  if (schema !== "" && context.large.kindOf(schema) !== "object") {
    throw badRequest(`${path}.parameters must be a JSON Schema`, "invalid_type", `${path}.parameters`);
  }
  const format = objectOf(tool["format"]);
  const definition = stringOf(format?.["definition"]);
  return {
    name: requireString(tool, "name", path),
    kind,
    schema,
    ...(description === "" ? {} : { description }),
    ...(strict === undefined ? {} : { strict }),
    ...(group.namespace === undefined ? {} : { namespace: group.namespace }),
    ...(definition === undefined
      ? {}
      : { grammar: { syntax: stringOf(format?.["syntax"]) ?? "lark", definition } }),
  };
}

/** undefined when the caller said nothing. Throws Failure (400, param). */
export function decodeChoice(body: JsonObject): ToolChoice | undefined {
  const parallel = readBoolean(body, "parallel_tool_calls");
  const extra = parallel === undefined ? {} : { parallel };
  const choice = body["tool_choice"];
  if (choice === undefined || choice === null)
    return parallel === false ? { mode: "auto", parallel } : undefined;
  if (choice === "auto" || choice === "none" || choice === "required") return { mode: choice, ...extra };
  const object = objectOf(choice);
  const type = stringOf(object?.["type"]);
  if (object === undefined || type === undefined) {
    throw badRequest("tool_choice is not one of the known forms", "invalid_value", "tool_choice");
  }
  if (type !== "allowed_tools") {
    return { mode: "one", names: [readString(object, "name", "tool_choice") ?? type], ...extra };
  }
  const names = (readList(object, "tools", "tool_choice") ?? []).map((value, index) => {
    const tool = requireObject(value, `tool_choice.tools[${index}]`);
    return stringOf(tool["name"]) ?? stringOf(tool["type"]) ?? "";
  });
  return { mode: "allowed", names, required: object["mode"] === "required", ...extra };
}
