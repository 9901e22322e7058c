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
  const members: [string, string][] = [
    ["instructions", member(body["instructions"], "null", context)],
    ["metadata", member(body["metadata"], "{}", context)],
    ["parallel_tool_calls", member(body["parallel_tool_calls"], "true", context)],
    ["temperature", member(body["temperature"], "1", context)],
    ["tool_choice", member(body["tool_choice"], '"auto"', context)],
    ["tools", writeTools(body, tools, context)],
    ["top_p", member(body["top_p"], "1", context)],
  ];
  for (const name of OPTIONAL) {
    const json = member(body[name], "", context);
    if (json !== "") members.push([name, json]);
  }
  if (body["text"] === undefined) members.push(["text", '{"format":{"type":"text"}}']);
  return members.map(([name, json]) => `"${name}":${json}`).join(",");
}

function member(value: unknown, absent: string, context: DecodeContext): string {
  if (value === undefined || value === null) return absent;
  const json = JSON.stringify(resolve(value, context));
  return json.length > MAX_MEMBER || context.large.has(json) ? absent : json;
}

function writeTools(body: JsonObject, tools: readonly Tool[], context: DecodeContext): string {
  return tools.length === 0 ? "[]" : member(listOf(body["tools"]), "[]", context);
}

/** Schemas stand behind placeholders; small ones are shown. */
function resolve(value: unknown, context: DecodeContext): unknown {
  if (Array.isArray(value)) return value.map((item) => resolve(item, context));
  if (!isObject(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    copy[name] =
      name === "parameters" || name === "schema" ? schemaValue(item, context) : resolve(item, context);
  }
  return copy;
}

function schemaValue(value: unknown, context: DecodeContext): unknown {
  const text = context.large.jsonText(value);
  if (text === "" || text.length > MAX_MEMBER || context.large.has(text)) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null; // Not a schema; what the target says about it is the answer.
  }
}
