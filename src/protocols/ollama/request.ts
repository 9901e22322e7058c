/** Reads a body of `/api/chat` or `/api/generate`. */
import { badRequest } from "../../base/failure.ts";
import { isEffort } from "../effort.ts";
import {
  isObject,
  type JsonObject,
  listOf,
  numberOf,
  readBody,
  readBoolean,
  readList,
  readObject,
  readString,
  requireObject,
  requireString,
  stringOf,
} from "../json-value.ts";
import type { ChatRequest, OutputFormat, Part, Tool } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";
import { decodeImages } from "./images.ts";
import { decodeMessages } from "./message-decoder.ts";
import { markGenerate } from "./types.ts";

/** Options every model knows; the others belong to Ollama's own runtime. */
const SAMPLING = new Set([
  "temperature",
  "top_p",
  "top_k",
  "num_predict",
  "stop",
  "seed",
  "presence_penalty",
  "frequency_penalty",
]);

/** Of `/api/generate`: what only a model run as plain text completion can do. */
const COMPLETION_ONLY = ["suffix", "template", "raw"];

/** Throws Failure (400, param). */
export function decodeRequest(doc: unknown, context: DecodeContext): ChatRequest {
  const body = readBody(doc);
  const ext: Record<string, string> = {};
  const messages = readList(body, "messages");
  const { system, turns } =
    messages === undefined ? readPrompt(body, ext, context) : decodeMessages(messages, context);
  const options = readObject(body, "options") ?? {};
  for (const [name, value] of Object.entries(options)) {
    if (!SAMPLING.has(name)) ext[`options.${name}`] = JSON.stringify(value);
  }
  if (body["keep_alive"] !== undefined) ext["keep_alive"] = JSON.stringify(body["keep_alive"]);
  const format = readFormat(body, context);
  return {
    model: readString(body, "model") ?? context.model,
    stream: readBoolean(body, "stream") ?? true,
    system,
    turns,
    tools: readTools(body, context),
    sampling: readSampling(body, options),
    reasoning: readThink(body["think"], context),
    includeUsage: true,
    ext: { ollama: ext },
    ...(format === undefined ? {} : { format }),
  };
}

function readPrompt(body: JsonObject, ext: Record<string, string>, context: DecodeContext) {
  markGenerate(ext);
  for (const name of COMPLETION_ONLY) {
    const value = body[name];
    if (value !== undefined && value !== null && value !== "" && value !== false)
      context.warn("unsupported_parameter", name);
  }
  const system: ChatRequest["system"] = [];
  const instructions = readString(body, "system") ?? "";
  if (instructions !== "") system.push({ text: instructions, role: "system" });
  const prompt = readString(body, "prompt") ?? "";
  const parts: Part[] = prompt === "" ? [] : [{ type: "text", text: prompt }];
  for (const image of decodeImages(body, "", context)) parts.push(image);
  return { system, turns: parts.length === 0 ? [] : [{ role: "user" as const, parts }] };
}

function readTools(body: JsonObject, context: DecodeContext): Tool[] {
  return (readList(body, "tools") ?? []).map((value, index) => {
    const path = `tools[${index}].function`;
    const tool = requireObject(requireObject(value, `tools[${index}]`)["function"], path);
    const description = readString(tool, "description", path);
    const schema = context.large.jsonText(tool["parameters"]);
    if (schema !== "" && context.large.kindOf(schema) !== "object") {
      throw badRequest(`${path}.parameters must be a JSON Schema`, "invalid_type", `${path}.parameters`);
    }
    return {
      name: requireString(tool, "name", path),
      kind: "function",
      schema,
      ...(description === undefined ? {} : { description }),
    };
  });
}

function readSampling(body: JsonObject, options: JsonObject): ChatRequest["sampling"] {
  const max = numberOf(options["num_predict"]);
  const stop = options["stop"];
  const stops = (typeof stop === "string" ? [stop] : listOf(stop)).filter((text) => typeof text === "string");
  const sampling: ChatRequest["sampling"] = {};
  // -1 and -2 mean "no limit" and "fill the context".
  if (max !== undefined && max > 0) sampling.max = max;
  if (stops.length > 0) sampling.stop = stops;
  for (const [name, option] of [
    ["temperature", "temperature"],
    ["topP", "top_p"],
    ["topK", "top_k"],
    ["seed", "seed"],
    ["presence", "presence_penalty"],
    ["frequency", "frequency_penalty"],
  ] as const) {
    const value = numberOf(options[option]);
    if (value !== undefined) sampling[name] = value;
  }
  if (readBoolean(body, "logprobs") === true) sampling.logprobs = true;
  const top = numberOf(body["top_logprobs"]);
  if (top !== undefined) sampling.topLogprobs = top;
  return sampling;
}

function readThink(think: unknown, context: DecodeContext): ChatRequest["reasoning"] {
  if (think === undefined || think === null) return {};
  if (think === false) return { effort: "none", show: "none" };
  if (think === true) return { adaptive: true };
  if (isEffort(think)) return { effort: think };
  context.warn("unknown_effort", "think");
  return {};
}

function readFormat(body: JsonObject, context: DecodeContext): OutputFormat | undefined {
  const format = body["format"];
  if (format === undefined || format === null || format === "") return undefined;
  if (format === "json") return { kind: "json" };
  const schema = context.large.jsonText(format);
  if (isObject(format) || context.large.kindOf(schema) === "object") return { kind: "schema", schema };
  throw badRequest(`unknown format ${stringOf(format) ?? ""}`, "invalid_value", "format");
}
