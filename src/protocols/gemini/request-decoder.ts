/** Reads a Gemini client's `generateContent` body: either spelling, single objects for lists, roles left out. */
import { badRequest } from "../../base/failure.ts";
import {
  isObject,
  type JsonObject,
  listOf,
  readBody,
  readBoolean,
  readNumber,
  readObject,
  readString,
  requireObject,
  stringOf,
} from "../json-value.ts";
import type { ChatRequest, Effort, OutputFormat, Tool, ToolChoice } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";
import { decodeContents, textsOf } from "./content-decoder.ts";
import { toJsonSchema } from "./schema.ts";
import { camelMembers } from "./types.ts";

/** Members that only Google knows; kept for a target of the same vendor. */
const OWN_CONFIG = ["responseModalities", "speechConfig", "imageConfig", "mediaResolution", "audioTimestamp"];

/** State that another vendor does not hold (40-protocols 1.8). */
const STATEFUL = ["cachedContent", "continuationToken"];

export function decodeRequest(doc: unknown, context: DecodeContext): ChatRequest {
  const body = camelMembers(readBody(doc));
  for (const name of STATEFUL) {
    if (body[name] !== undefined && body[name] !== null && body[name] !== "") {
      throw badRequest(
        `${name} names state that only Gemini itself holds; no target of this request does`,
        "unsupported_parameter",
        name,
      );
    }
  }
  const config = camelMembers(readObject(body, "generationConfig") ?? {});
  const own: Record<string, string> = {};
  for (const name of OWN_CONFIG) {
    if (config[name] !== undefined && config[name] !== null) own[name] = context.large.jsonText(config[name]);
  }
  const request: ChatRequest = {
    model: context.model,
    stream: context.stream,
    system: textsOf(body.systemInstruction, "systemInstruction").map((text) => ({ text, role: "system" })),
    turns: decodeContents(body.contents, context),
    tools: decodeTools(body.tools, context),
    sampling: decodeSampling(config),
    reasoning: decodeReasoning(config),
    includeUsage: true,
    ext: Object.keys(own).length === 0 ? {} : { google: own },
  };
  const choice = decodeChoice(body);
  if (choice !== undefined) request.choice = choice;
  const format = decodeFormat(config, context);
  if (format !== undefined) request.format = format;
  if (Array.isArray(body.safetySettings) && body.safetySettings.every(isObject))
    request.safety = { vendor: "google", raw: context.large.jsonText(body.safetySettings) };
  const tier = readString(body, "serviceTier");
  if (tier !== undefined) request.tier = tier.toLowerCase();
  const labels = readObject(body, "labels");
  if (labels !== undefined) request.metadata = stringMembers(labels);
  return request;
}

function stringMembers(labels: JsonObject): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(labels)) {
    if (typeof value === "string") result[name] = value;
  }
  return result;
}

function decodeSampling(config: JsonObject): ChatRequest["sampling"] {
  const path = "generationConfig";
  const sampling: ChatRequest["sampling"] = {};
  const number = (name: string, key: NumberKey) => {
    const value = readNumber(config, name, path);
    if (value !== undefined) sampling[key] = value;
  };
  number("temperature", "temperature");
  number("topP", "topP");
  number("topK", "topK");
  number("seed", "seed");
  number("candidateCount", "n");
  number("maxOutputTokens", "max");
  number("presencePenalty", "presence");
  number("frequencyPenalty", "frequency");
  number("logprobs", "topLogprobs");
  const logprobs = readBoolean(config, "responseLogprobs", path);
  if (logprobs !== undefined) sampling.logprobs = logprobs;
  const stop = config.stopSequences;
  if (stop !== undefined && stop !== null)
    sampling.stop = (typeof stop === "string" ? [stop] : listOf(stop)).filter(
      (text) => typeof text === "string",
    );
  return sampling;
}

type NumberKey =
  | "temperature"
  | "topP"
  | "topK"
  | "seed"
  | "n"
  | "max"
  | "presence"
  | "frequency"
  | "topLogprobs";

const EFFORTS: Readonly<Record<string, Effort>> = {
  MINIMAL: "minimal",
  LOW: "low",
  MEDIUM: "medium",
  HIGH: "high",
};

/** Thoughts are shown only when `includeThoughts` says so; -1 leaves the depth to the model. */
function decodeReasoning(config: JsonObject): ChatRequest["reasoning"] {
  const path = "generationConfig.thinkingConfig";
  const thinking = camelMembers(readObject(config, "thinkingConfig", "generationConfig") ?? {});
  const reasoning: ChatRequest["reasoning"] = {
    show: readBoolean(thinking, "includeThoughts", path) === true ? "summary" : "none",
  };
  const effort = EFFORTS[(readString(thinking, "thinkingLevel", path) ?? "").toUpperCase()];
  const budget = readNumber(thinking, "thinkingBudget", path);
  if (effort !== undefined) reasoning.effort = effort;
  else if (budget !== undefined && budget < 0) reasoning.adaptive = true;
  else if (budget === 0) reasoning.effort = "none";
  else if (budget !== undefined) reasoning.budget = budget;
  return reasoning;
}

function decodeFormat(config: JsonObject, context: DecodeContext): OutputFormat | undefined {
  const mime = readString(config, "responseMimeType", "generationConfig") ?? "";
  if (mime === "text/x.enum") {
    throw badRequest(
      "text/x.enum is Gemini's own format; use application/json with an enum schema",
      "unsupported_parameter",
      "generationConfig.responseMimeType",
    );
  }
  const jsonSchema = config.responseJsonSchema ?? config.ResponseJsonSchema;
  if (jsonSchema !== undefined && jsonSchema !== null)
    return { kind: "schema", schema: readSchema(jsonSchema, "generationConfig.responseJsonSchema", context) };
  const schema = readObject(config, "responseSchema", "generationConfig");
  if (schema !== undefined) return { kind: "schema", schema: JSON.stringify(toJsonSchema(schema)) };
  return mime === "application/json" ? { kind: "json" } : undefined;
}

/** JSON text of a schema as it came; "" when there is none. Throws Failure (400) for what is no schema. */
function readSchema(value: unknown, path: string, context: DecodeContext): string {
  const schema = context.large.jsonText(value);
  if (schema !== "" && context.large.kindOf(schema) !== "object")
    throw badRequest(`${path} must be a JSON Schema`, "invalid_type", path);
  return schema;
}

function decodeTools(value: unknown, context: DecodeContext): Tool[] {
  const tools: Tool[] = [];
  const entries = isObject(value) ? [value] : listOf(value);
  for (let i = 0; i < entries.length; i++) {
    const path = `tools[${i}]`;
    const entry = camelMembers(requireObject(entries[i], path));
    for (const name of Object.keys(entry)) {
      const member = entry[name];
      if (name === "functionDeclarations") {
        const list = isObject(member) ? [member] : listOf(member);
        for (let j = 0; j < list.length; j++)
          tools.push(decodeFunction(list[j], `${path}.functionDeclarations[${j}]`, context));
      } else if (isObject(member)) {
        const raw = JSON.stringify({ [name]: member });
        tools.push({ name, kind: "hosted", schema: "", raw, vendor: "google" });
      }
    }
  }
  return tools;
}

function decodeFunction(value: unknown, path: string, context: DecodeContext): Tool {
  const declaration = camelMembers(requireObject(value, path));
  const name = readString(declaration, "name", path) ?? "";
  if (name === "") throw badRequest(`${path}.name is required`, "missing_member", `${path}.name`);
  const verbatim = readSchema(declaration.parametersJsonSchema, `${path}.parametersJsonSchema`, context);
  const legacy = readObject(declaration, "parameters", path);
  const tool: Tool = {
    name,
    kind: "function",
    schema: verbatim !== "" || legacy === undefined ? verbatim : JSON.stringify(toJsonSchema(legacy)),
  };
  const description = readString(declaration, "description", path);
  if (description !== undefined) tool.description = description;
  return tool;
}

function decodeChoice(body: JsonObject): ToolChoice | undefined {
  const config = camelMembers(readObject(body, "toolConfig") ?? {});
  const calling = camelMembers(readObject(config, "functionCallingConfig", "toolConfig") ?? {});
  const names = listOf(calling.allowedFunctionNames).filter((name) => typeof name === "string");
  switch ((stringOf(calling.mode) ?? "").toUpperCase()) {
    case "NONE":
      return { mode: "none" };
    case "ANY":
      if (names.length === 0) return { mode: "required" };
      if (names.length === 1) return { mode: "one", names };
      return { mode: "allowed", names, required: true };
    case "AUTO":
    case "VALIDATED":
      return names.length === 0 ? { mode: "auto" } : { mode: "allowed", names, required: false };
    default:
      return undefined;
  }
}
