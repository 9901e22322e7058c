/** Reads a caller's Responses body. */
import { badRequest } from "../../base/failure.ts";
import { isEffort } from "../effort.ts";
import {
  isObject,
  type JsonObject,
  listOf,
  objectOf,
  readBody,
  readBoolean,
  readList,
  readNumber,
  readObject,
  readString,
  stringOf,
} from "../json-value.ts";
import type { ChatRequest, OutputFormat, Turn } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";
import { writeEcho } from "./echo.ts";
import { decodeInput } from "./input-items.ts";
import { decodeChoice, decodeTools } from "./tools.ts";

/** Members that mean state held by OpenAI: only a provider that speaks Responses itself can honour them (40-protocols 1.8). */
const STATEFUL = ["previous_response_id", "conversation", "prompt"];

/** Throws Failure (400, param). */
export function decodeRequest(doc: unknown, context: DecodeContext): ChatRequest {
  const body = readBody(doc);
  rejectState(body);
  const turns = readTurns(body, context);
  const system = takeLeadingSystem(turns);
  const instructions = readString(body, "instructions");
  if (instructions !== undefined && instructions !== "")
    system.unshift({ text: instructions, role: "system" });
  const tools = decodeTools(body, context);
  const choice = decodeChoice(body);
  const format = readFormat(body, context);
  const tier = readString(body, "service_tier");
  const user = readString(body, "safety_identifier") ?? readString(body, "user");
  const key = readString(body, "prompt_cache_key");
  const metadata = readMetadata(body);
  const verbosity = stringOf(readObject(body, "text")?.["verbosity"]);
  return {
    model: readString(body, "model") ?? context.model,
    stream: readBoolean(body, "stream") ?? false,
    system,
    turns,
    tools,
    sampling: readSampling(body),
    reasoning: readReasoning(body, context),
    includeUsage: true,
    ext: {},
    echo: writeEcho(body, tools, context),
    ...(choice === undefined ? {} : { choice }),
    ...(format === undefined ? {} : { format }),
    ...(verbosity === undefined ? {} : { verbosity }),
    ...(tier === undefined || tier === "auto" ? {} : { tier }),
    ...(user === undefined ? {} : { user }),
    ...(key === undefined ? {} : { cache: { key } }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

function rejectState(body: JsonObject): void {
  for (const name of STATEFUL) {
    if (body[name] !== undefined && body[name] !== null) {
      throw badRequest(
        `${name} refers to state that no target of this model holds; send the whole conversation in input`,
        "unsupported_parameter",
        name,
      );
    }
  }
  if (body["background"] === true) {
    throw badRequest("background responses are not kept here", "unsupported_parameter", "background");
  }
}

function readTurns(body: JsonObject, context: DecodeContext): Turn[] {
  const input = body["input"];
  if (typeof input === "string") return [{ role: "user", parts: [{ type: "text", text: input }] }];
  const items = readList(body, "input") ?? [];
  if (items.length === 0) throw badRequest("input must not be empty", "missing_member", "input");
  return decodeInput(items, context);
}

/** Only the leading run of system and developer messages are instructions; later ones keep their place. */
function takeLeadingSystem(turns: Turn[]): ChatRequest["system"] {
  const system: ChatRequest["system"] = [];
  for (let first = turns[0]; first?.role === "system"; first = turns[0]) {
    const role = first.name === "developer" ? "developer" : "system";
    for (const part of first.parts) {
      if (part.type !== "text") continue;
      system.push({ text: part.text, role, ...(part.cache === undefined ? {} : { cache: part.cache }) });
    }
    turns.shift();
  }
  return system;
}

function readSampling(body: JsonObject): ChatRequest["sampling"] {
  const temperature = readNumber(body, "temperature");
  const topP = readNumber(body, "top_p");
  const max = readNumber(body, "max_output_tokens");
  const topLogprobs = readNumber(body, "top_logprobs");
  const logprobs = listOf(body["include"]).includes("message.output_text.logprobs");
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(max === undefined ? {} : { max }),
    ...(topLogprobs === undefined ? {} : { topLogprobs }),
    ...(logprobs ? { logprobs } : {}),
  };
}

function readReasoning(body: JsonObject, context: DecodeContext): ChatRequest["reasoning"] {
  const reasoning = readObject(body, "reasoning");
  if (reasoning === undefined) return {};
  const word = readString(reasoning, "effort", "reasoning");
  const effort = isEffort(word) ? word : undefined;
  if (word !== undefined && effort === undefined) context.warn("unknown_effort", "reasoning.effort");
  const summary = stringOf(reasoning["summary"]) ?? stringOf(reasoning["generate_summary"]);
  return {
    ...(effort === undefined ? {} : { effort }),
    ...(summary === undefined ? {} : { show: "summary" as const }),
  };
}

function readFormat(body: JsonObject, context: DecodeContext): OutputFormat | undefined {
  const format = objectOf(readObject(body, "text")?.["format"]);
  switch (format?.["type"]) {
    case undefined:
    case "text":
      return undefined;
    case "json_object":
      return { kind: "json" };
    case "json_schema": {
      const name = readString(format, "name", "text.format");
      const strict = readBoolean(format, "strict", "text.format");
      const description = readString(format, "description", "text.format");
      const schema = context.large.jsonText(format["schema"]);
      if (schema === "" || context.large.kindOf(schema) !== "object") {
        throw badRequest("text.format.schema must be a JSON Schema", "invalid_type", "text.format.schema");
      }
      return {
        kind: "schema",
        schema,
        ...(name === undefined ? {} : { name }),
        ...(strict === undefined ? {} : { strict }),
        ...(description === undefined ? {} : { description }),
      };
    }
    default:
      throw badRequest(
        `unknown output format ${String(format?.["type"])}`,
        "invalid_value",
        "text.format.type",
      );
  }
}

function readMetadata(body: JsonObject): Record<string, string> | undefined {
  const metadata = readObject(body, "metadata");
  if (metadata === undefined || !isObject(metadata)) return undefined;
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(metadata)) {
    if (typeof value === "string") kept[name] = value;
  }
  return Object.keys(kept).length === 0 ? undefined : kept;
}
