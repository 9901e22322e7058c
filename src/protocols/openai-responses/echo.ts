/** The members of the request that its response object repeats. */
import { isObject, type JsonObject, listOf } from "../json-value.ts";
import type { Tool } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";

/** Longer ones are not repeated: three events of every stream would carry them. */
const MAX_MEMBER = 64 * 1024;

/** Optional members, repeated as they came. */
const OPTIONAL = [
  "max_output_tokens",
  "max_tool_calls",
  "prompt_cache_key",
  "reasoning",
  "safety_identifier",
  "service_tier",
  "text",
  "top_logprobs",
  "truncation",
  "user",
];

/** `"name":json,…` without braces. The required members are always there (40-protocols 2.3). */
export function writeEcho(body: JsonObject, tools: readonly Tool[], context: DecodeContext): string {
  let echo =
    `"instructions":${member(body["instructions"], "null", context)}` +
    `,"metadata":${member(body["metadata"], "{}", context)}` +
    `,"parallel_tool_calls":${member(body["parallel_tool_calls"], "true", context)}` +
    `,"temperature":${member(body["temperature"], "1", context)}` +
    `,"tool_choice":${member(body["tool_choice"], '"auto"', context)}` +
    `,"tools":${writeTools(body, tools, context)}` +
    `,"top_p":${member(body["top_p"], "1", context)}`;
  for (const name of OPTIONAL) {
    const json = member(body[name], "", context);
    if (json !== "") echo += `,"${name}":${json}`;
  }
  return body["text"] === undefined ? `${echo},"text":{"format":{"type":"text"}}` : echo;
}

function member(value: unknown, absent: string, context: DecodeContext): string {
  if (value === undefined || value === null) return absent;
  const short = JSON.stringify(value);
  const json = context.large.has(short) ? writeValue(value, context) : short;
  return json.length > MAX_MEMBER || context.large.has(json) ? absent : json;
}

function writeTools(body: JsonObject, tools: readonly Tool[], context: DecodeContext): string {
  return tools.length === 0 ? "[]" : member(listOf(body["tools"]), "[]", context);
}

/** JSON text with the schemas that stand behind placeholders, as they came; long ones are not shown. */
function writeValue(value: unknown, context: DecodeContext): string {
  if (Array.isArray(value)) return `[${value.map((item) => writeValue(item, context)).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  let json = "";
  for (const [name, item] of Object.entries(value)) {
    const isSchema = name === "parameters" || name === "schema";
    json += `${json === "" ? "{" : ","}${JSON.stringify(name)}:${isSchema ? writeSchema(item, context) : writeValue(item, context)}`;
  }
  return json === "" ? "{}" : `${json}}`;
}

function writeSchema(value: unknown, context: DecodeContext): string {
  const text = context.large.jsonText(value);
  return text === "" || text.length > MAX_MEMBER || context.large.has(text) ? "null" : text;
}
