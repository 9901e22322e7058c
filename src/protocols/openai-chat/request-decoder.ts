/** A caller's Chat Completions body -> the neutral request (40-protocols 1). */
import { badRequest } from "../../base/failure.ts";
import { effortOfBudget, isEffort } from "../effort.ts";
import {
  isObject,
  type JsonObject,
  listOf,
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
import { decodeMessages, readCacheMark } from "./message-decoder.ts";
import { KNOWN_MEMBERS } from "./types.ts";

/** Throws Failure (400) naming the member that is wrong. */
export function decodeRequest(doc: unknown, context: DecodeContext): ChatRequest {
  const body = readBody(doc);
  const messages = readList(body, "messages");
  if (messages === undefined) throw badRequest("messages is required", "missing_member", "messages");
  const { system, turns } = decodeMessages(messages, context);
  const tools = decodeTools(body, context);
  const choice = tools.length === 0 ? undefined : decodeChoice(body);
  const format = decodeFormat(body, context);
  const verbosity = readString(body, "verbosity");
  const request: ChatRequest = {
    model: readString(body, "model") ?? context.model,
    stream: readBoolean(body, "stream") ?? false,
    system,
    turns,
    tools,
    ...(choice === undefined ? {} : { choice }),
    ...(format === undefined ? {} : { format }),
    ...(verbosity === undefined ? {} : { verbosity }),
    sampling: decodeSampling(body),
    reasoning: decodeReasoning(body),
    includeUsage:
      readBoolean(readObject(body, "stream_options") ?? {}, "include_usage", "stream_options") ?? false,
    ext: {},
  };
  decodeIdentity(body, request);
  const extra: Record<string, string> = {};
  for (const [name, value] of Object.entries(body)) {
    if (!KNOWN_MEMBERS.has(name) && value !== null) extra[name] = context.large.jsonText(value);
  }
  if (Object.keys(extra).length > 0) request.ext.openai = extra;
  return request;
}

function decodeSampling(body: JsonObject): ChatRequest["sampling"] {
  const sampling: ChatRequest["sampling"] = {};
  const set = <K extends keyof ChatRequest["sampling"]>(
    key: K,
    value: ChatRequest["sampling"][K] | undefined,
  ) => {
    if (value !== undefined) sampling[key] = value;
  };
  set("temperature", readNumber(body, "temperature"));
  set("topP", readNumber(body, "top_p"));
  set("topK", readNumber(body, "top_k"));
  set("seed", readNumber(body, "seed"));
  set("max", readNumber(body, "max_completion_tokens") ?? readNumber(body, "max_tokens"));
  set("n", readNumber(body, "n"));
  set("presence", readNumber(body, "presence_penalty"));
  set("frequency", readNumber(body, "frequency_penalty"));
  set("logprobs", readBoolean(body, "logprobs"));
  set("topLogprobs", readNumber(body, "top_logprobs"));
  const bias = readObject(body, "logit_bias");
  if (bias !== undefined) sampling.logitBias = JSON.stringify(bias);
  const stop = body.stop;
  if (typeof stop === "string") sampling.stop = [stop];
  else if (Array.isArray(stop)) {
    const words = stop.filter((word) => typeof word === "string");
    if (words.length !== stop.length) throw badRequest("stop must hold strings", "invalid_type", "stop");
    sampling.stop = words;
  } else if (stop !== undefined && stop !== null) {
    throw badRequest("stop must be a string or a list of strings", "invalid_type", "stop");
  }
  return sampling;
}

function decodeReasoning(body: JsonObject): ChatRequest["reasoning"] {
  const reasoning: ChatRequest["reasoning"] = {};
  const effort = readString(body, "reasoning_effort");
  // OpenRouter's form, which many clients use at any server.
  const object = readObject(body, "reasoning");
  const wanted = effort ?? (object === undefined ? undefined : stringOf(object.effort));
  if (wanted !== undefined) {
    if (!isEffort(wanted)) {
      throw badRequest(`reasoning_effort "${wanted}" is not known`, "invalid_value", "reasoning_effort");
    }
    reasoning.effort = wanted;
  }
  const budget = object === undefined ? undefined : numberOf(object.max_tokens);
  if (budget !== undefined) {
    reasoning.budget = budget;
    reasoning.effort ??= effortOfBudget(budget) ?? "medium";
  }
  return reasoning;
}

function decodeIdentity(body: JsonObject, request: ChatRequest): void {
  const key = readString(body, "prompt_cache_key");
  if (key !== undefined) request.cache = { key };
  const tier = readString(body, "service_tier");
  if (tier !== undefined) request.tier = tier;
  const user = readString(body, "safety_identifier") ?? readString(body, "user");
  if (user !== undefined) request.user = user;
  const metadata = readObject(body, "metadata");
  if (metadata !== undefined) {
    const pairs = Object.entries(metadata).filter(
      (pair): pair is [string, string] => typeof pair[1] === "string",
    );
    request.metadata = Object.fromEntries(pairs);
  }
}

function decodeTools(body: JsonObject, context: DecodeContext): Tool[] {
  const tools: Tool[] = [];
  (readList(body, "tools") ?? []).forEach((item, index) => {
    tools.push(decodeTool(requireObject(item, `tools[${index}]`), `tools[${index}]`, context));
  });
  // The form of before 2023-11, still sent by old clients.
  (readList(body, "functions") ?? []).forEach((item, index) => {
    const path = `functions[${index}]`;
    tools.push(decodeFunction(requireObject(item, path), path, context));
  });
  return tools;
}

function decodeTool(item: JsonObject, path: string, context: DecodeContext): Tool {
  const cache = readCacheMark(item);
  const marked = cache === undefined ? {} : { cache };
  if (item.type === "custom") {
    const custom = readObject(item, "custom", path) ?? {};
    const format = objectOf(custom.format);
    const grammar = objectOf(format?.grammar) ?? (format?.type === "grammar" ? format : undefined);
    const description = readString(custom, "description", `${path}.custom`);
    return {
      name: requireString(custom, "name", `${path}.custom`),
      kind: "custom",
      schema: "",
      ...(description === undefined ? {} : { description }),
      ...(grammar === undefined
        ? {}
        : {
            grammar: {
              syntax: stringOf(grammar.syntax) ?? "",
              definition: stringOf(grammar.definition) ?? "",
            },
          }),
      ...marked,
    };
  }
  const definition = readObject(item, "function", path);
  if (definition === undefined) {
    const type = readString(item, "type", path) ?? "";
    if (type === "" || type === "function") {
      throw badRequest(`${path}.function is required`, "missing_member", `${path}.function`);
    }
    return { name: type, kind: "hosted", schema: "", raw: context.large.jsonText(item), vendor: "openai" };
  }
  return { ...decodeFunction(definition, `${path}.function`, context), ...marked };
}

function decodeFunction(item: JsonObject, path: string, context: DecodeContext): Tool {
  const description = readString(item, "description", path);
  const strict = readBoolean(item, "strict", path);
  return {
    name: requireString(item, "name", path),
    kind: "function",
    schema: context.large.jsonText(item.parameters),
    ...(description === undefined ? {} : { description }),
    ...(strict === undefined ? {} : { strict }),
  };
}

function decodeChoice(body: JsonObject): ToolChoice | undefined {
  const parallel = readBoolean(body, "parallel_tool_calls");
  const choice = decodeMode(body.tool_choice ?? body.function_call);
  if (choice === undefined) return parallel === false ? { mode: "auto", parallel } : undefined;
  return parallel === undefined ? choice : { ...choice, parallel };
}

function decodeMode(value: unknown): ToolChoice | undefined {
  if (value === undefined || value === null) return undefined;
  if (value === "auto" || value === "none" || value === "required") return { mode: value };
  if (value === "any") return { mode: "required" };
  if (!isObject(value)) throw badRequest("tool_choice is not known", "invalid_value", "tool_choice");
  if (value.type === "allowed_tools") {
    const allowed = objectOf(value.allowed_tools) ?? value;
    const names = listOf(allowed.tools).map(toolNameOf);
    return {
      mode: "allowed",
      names: names.filter((name) => name !== undefined),
      required: allowed.mode === "required",
    };
  }
  const name = toolNameOf(value);
  if (name === undefined) {
    throw badRequest("tool_choice names no tool", "invalid_value", "tool_choice");
  }
  return { mode: "one", names: [name] };
}

function toolNameOf(value: unknown): string | undefined {
  const item = objectOf(value);
  const inner = objectOf(item?.function) ?? objectOf(item?.custom) ?? item;
  return stringOf(inner?.name);
}

function decodeFormat(body: JsonObject, context: DecodeContext): OutputFormat | undefined {
  const format = readObject(body, "response_format");
  if (format === undefined || format.type === "text") return undefined;
  if (format.type === "json_object") return { kind: "json" };
  if (format.type !== "json_schema") {
    throw badRequest("response_format.type is not known", "invalid_value", "response_format.type");
  }
  const path = "response_format.json_schema";
  const schema = readObject(format, "json_schema", "response_format") ?? {};
  const name = readString(schema, "name", path);
  const strict = readBoolean(schema, "strict", path);
  const description = readString(schema, "description", path);
  return {
    kind: "schema",
    schema: context.large.jsonText(schema.schema),
    ...(name === undefined ? {} : { name }),
    ...(strict === undefined ? {} : { strict }),
    ...(description === undefined ? {} : { description }),
  };
}
