/** A caller's Messages body -> the neutral request (40-protocols 1). */
import { badRequest } from "../../base/failure.ts";
import { isEffort } from "../effort.ts";
import {
  isObject,
  type JsonObject,
  numberOf,
  objectOf,
  readBody,
  readBoolean,
  readList,
  readNumber,
  readObject,
  readString,
  requireObject,
  requireString,
  stringOf,
} from "../json-value.ts";
import type { ChatRequest, OutputFormat, Tool, ToolChoice } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";
import { clientTool, isToolset } from "./client-tools.ts";
import { decodeMessages, readCacheControl } from "./message-decoder.ts";

/** State that only Anthropic holds: no other vendor can answer such a request (1.8). */
const STATEFUL = ["container", "mcp_servers", "thread", "compaction", "fallbacks"];

/** Throws Failure (400) naming the member that is wrong. */
export function decodeRequest(doc: unknown, context: DecodeContext): ChatRequest {
  const body = readBody(doc);
  for (const name of STATEFUL) {
    const value = body[name];
    if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) continue;
    throw badRequest(`${name} is known to Anthropic's own API only`, "unsupported_parameter", name);
  }
  const messages = readList(body, "messages");
  if (messages === undefined) throw badRequest("messages is required", "missing_member", "messages");
  const tools = decodeTools(body, context);
  const choice = tools.length === 0 ? undefined : decodeChoice(body);
  const format = decodeFormat(body, context);
  const request: ChatRequest = {
    model: readString(body, "model") ?? context.model,
    stream: readBoolean(body, "stream") ?? false,
    system: decodeSystem(body),
    turns: decodeMessages(messages, context),
    tools,
    ...(choice === undefined ? {} : { choice }),
    ...(format === undefined ? {} : { format }),
    sampling: decodeSampling(body),
    reasoning: decodeReasoning(body),
    includeUsage: true,
    ext: {},
  };
  decodeIdentity(body, request);
  return request;
}

function decodeSystem(body: JsonObject): ChatRequest["system"] {
  const system = body.system;
  if (system === undefined || system === null) return [];
  if (typeof system === "string") return system === "" ? [] : [{ text: system, role: "system" }];
  return (readList(body, "system") ?? []).map((item, index) => {
    const path = `system[${index}]`;
    const block = requireObject(item, path);
    const cache = readCacheControl(block);
    return {
      text: readString(block, "text", path) ?? "",
      role: "system",
      ...(cache === undefined ? {} : { cache }),
    };
  });
}

function decodeSampling(body: JsonObject): ChatRequest["sampling"] {
  const sampling: ChatRequest["sampling"] = {};
  const max = readNumber(body, "max_tokens");
  if (max !== undefined) {
    sampling.max = max;
    sampling.maxDemanded = true;
  }
  const temperature = readNumber(body, "temperature");
  if (temperature !== undefined) sampling.temperature = temperature;
  const topP = readNumber(body, "top_p");
  if (topP !== undefined) sampling.topP = topP;
  const topK = readNumber(body, "top_k");
  if (topK !== undefined) sampling.topK = topK;
  const stop = readList(body, "stop_sequences");
  if (stop !== undefined && stop.length > 0) sampling.stop = stop.filter((word) => typeof word === "string");
  return sampling;
}

function decodeReasoning(body: JsonObject): ChatRequest["reasoning"] {
  const reasoning: ChatRequest["reasoning"] = {};
  const thinking = readObject(body, "thinking");
  switch (thinking?.type) {
    case "enabled":
      reasoning.budget = numberOf(thinking.budget_tokens) ?? 1024;
      break;
    case "adaptive":
    case "between_tools":
      reasoning.adaptive = true;
      break;
    case "disabled":
      reasoning.effort = "none";
      break;
    default: // Absent or newer than this gateway: the model's own way.
  }
  if (thinking?.display === "omitted") reasoning.show = "none";
  if (thinking?.display === "summarized") reasoning.show = "summary";
  const effort = readObject(body, "output_config")?.effort;
  // Effort without thinking says how much work, not how much thinking (case: Claude Code with thinking off).
  if (isEffort(effort) && reasoning.effort !== "none") reasoning.effort = effort;
  return reasoning;
}

function decodeIdentity(body: JsonObject, request: ChatRequest): void {
  const user = stringOf(readObject(body, "metadata")?.user_id);
  if (user !== undefined && user !== "") request.user = user;
  const key = user === undefined ? undefined : sessionOf(user);
  const auto = objectOf(body.cache_control) !== undefined;
  if (key !== undefined || auto) {
    request.cache = { ...(key === undefined ? {} : { key }), ...(auto ? { auto } : {}) };
  }
  if (body.speed === "fast") request.tier = "fast";
  else if (body.service_tier === "standard_only") request.tier = "default";
}

/** The session in Claude Code's `metadata.user_id`: a JSON text, formerly `user_…_session_…`. */
function sessionOf(userId: string): string | undefined {
  if (userId.startsWith("{")) {
    try {
      return stringOf(objectOf(JSON.parse(userId))?.session_id);
    } catch {
      return undefined; // Some other program's id that begins with a brace.
    }
  }
  return /_session_([0-9a-f-]{36})$/.exec(userId)?.[1];
}

function decodeTools(body: JsonObject, context: DecodeContext): Tool[] {
  return (readList(body, "tools") ?? []).map((item, index) => {
    const path = `tools[${index}]`;
    return decodeTool(requireObject(item, path), path, context);
  });
}

function decodeTool(item: JsonObject, path: string, context: DecodeContext): Tool {
  const cache = readCacheControl(item);
  const marked = cache === undefined ? {} : { cache };
  const type = readString(item, "type", path) ?? "custom";
  if (type !== "custom") {
    if (isToolset(type)) throw badRequest(`${path}: ${type} has no equivalent`, "unsupported_tool", path);
    const known = clientTool(type);
    const raw = context.large.jsonText(item);
    if (known === undefined) {
      const name = readString(item, "name", path) ?? type;
      return { name, kind: "hosted", schema: "", raw, vendor: "anthropic", ...marked };
    }
    const { description, schema } = known;
    const name = readString(item, "name", path) ?? known.name;
    return { name, kind: "client", description, schema, raw, vendor: "anthropic", ...marked };
  }
  const description = readString(item, "description", path);
  const strict = readBoolean(item, "strict", path);
  return {
    name: requireString(item, "name", path),
    kind: "function",
    schema: context.large.jsonText(item.input_schema),
    ...(description === undefined ? {} : { description }),
    ...(strict === undefined ? {} : { strict }),
    ...marked,
  };
}

function decodeChoice(body: JsonObject): ToolChoice | undefined {
  const choice = readObject(body, "tool_choice");
  if (choice === undefined) return undefined;
  const parallel = choice.disable_parallel_tool_use === true ? { parallel: false } : {};
  switch (choice.type) {
    case "auto":
      return { mode: "auto", ...parallel };
    case "none":
      return { mode: "none" };
    case "any":
      return { mode: "required", ...parallel };
    case "tool":
      return { mode: "one", names: [requireString(choice, "name", "tool_choice")], ...parallel };
    default:
      throw badRequest("tool_choice.type is not known", "invalid_value", "tool_choice.type");
  }
}

function decodeFormat(body: JsonObject, context: DecodeContext): OutputFormat | undefined {
  // `output_format` is the beta's name of it.
  const format = readObject(body, "output_config")?.format ?? body.output_format;
  if (!isObject(format) || format.type !== "json_schema") return undefined;
  return { kind: "schema", schema: context.large.jsonText(format.schema), strict: true };
}
