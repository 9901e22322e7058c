/** Reads a Cohere v2 client's chat body. */
import { badRequest } from "../../base/failure.ts";
import { parseDataUrl } from "../data-url.ts";
import {
  isObject,
  type JsonObject,
  listOf,
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
import type { ChatRequest, MediaSource, OutputFormat, Part, Tool, ToolChoice, Turn } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";
import { decodeDocument } from "./documents.ts";
import { readOwn, readSafety } from "./own-members.ts";
import { decodeSampling } from "./sampling.ts";

/** Members that only Cohere's v2 knows; kept for a target of the same kind. */
export const OWN = ["citation_options", "priority"];

export function decodeRequest(doc: unknown, context: DecodeContext): ChatRequest {
  const body = readBody(doc);
  const request: ChatRequest = {
    model: readString(body, "model") ?? "",
    stream: readBoolean(body, "stream") ?? false,
    system: [],
    turns: [],
    tools: decodeTools(body, context),
    sampling: decodeSampling(body),
    reasoning: decodeThinking(body),
    includeUsage: true,
    ext: readOwn(body, OWN, context),
  };
  decodeMessages(body, request, context);
  addDocuments(readList(body, "documents") ?? [], request, context);
  const choice = decodeChoice(body);
  if (choice !== undefined) request.choice = choice;
  const format = decodeFormat(body, "json_schema", context);
  if (format !== undefined) request.format = format;
  readSafety(body, request);
  return request;
}

function decodeMessages(body: JsonObject, request: ChatRequest, context: DecodeContext): void {
  const messages = readList(body, "messages");
  if (messages === undefined) throw badRequest("messages is required", "missing_member", "messages");
  for (let i = 0; i < messages.length; i++) {
    const path = `messages[${i}]`;
    const message = requireObject(messages[i], path);
    switch (requireString(message, "role", path)) {
      case "system":
      case "developer":
        decodeSystem(message, path, request);
        break;
      case "user":
        request.turns.push({
          role: "user",
          parts: decodeContent(message.content, `${path}.content`, context),
        });
        break;
      case "assistant":
        request.turns.push(decodeAssistant(message, path, context));
        break;
      case "tool":
        request.turns.push({ role: "user", parts: [decodeResult(message, path, context)] });
        break;
      default:
        throw badRequest(
          `${path}.role must be system, user, assistant or tool`,
          "invalid_request",
          `${path}.role`,
        );
    }
  }
}

/** Only the leading run is instruction to the whole; a later one stays where it stands. */
function decodeSystem(message: JsonObject, path: string, request: ChatRequest): void {
  const texts =
    typeof message.content === "string"
      ? [message.content]
      : listOf(message.content).map((part, i) => {
          const where = `${path}.content[${i}]`;
          return requireString(requireObject(part, where), "text", where);
        });
  if (request.turns.length > 0)
    request.turns.push({ role: "system", parts: texts.map((text) => ({ type: "text", text })) });
  else for (const text of texts) request.system.push({ text, role: "system" });
}

function decodeContent(content: unknown, path: string, context: DecodeContext): Part[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (content === undefined || content === null) return [];
  if (!Array.isArray(content)) throw badRequest(`${path} must be a string or a list`, "invalid_type", path);
  return content.map((value, i) =>
    decodePart(requireObject(value, `${path}[${i}]`), `${path}[${i}]`, context),
  );
}

function decodePart(part: JsonObject, path: string, context: DecodeContext): Part {
  switch (part.type) {
    case undefined:
    case "text":
      return { type: "text", text: requireString(part, "text", path) };
    case "thinking":
      return { type: "thinking", text: requireString(part, "thinking", path) };
    case "image_url":
      return decodeImage(part, path, context);
    case "document": {
      const document = readObject(part, "document", path);
      if (document === undefined)
        throw badRequest(`${path}.document is required`, "missing_member", `${path}.document`);
      return decodeDocument(document, context);
    }
    default:
      throw badRequest(`${path}.type is not one that Cohere's chat has`, "invalid_request", `${path}.type`);
  }
}

function decodeImage(part: JsonObject, path: string, context: DecodeContext): Part {
  // Cohere takes the bare URL too.
  const image: JsonObject =
    typeof part.image_url === "string"
      ? { url: part.image_url }
      : (readObject(part, "image_url", path) ?? {});
  const url = requireString(image, "url", `${path}.image_url`);
  const data = parseDataUrl(url, context.large);
  const source: MediaSource = data === null ? { kind: "url", url } : { kind: "base64", ...data };
  const detail = stringOf(image.detail);
  return detail === undefined || detail === "auto"
    ? { type: "image", source }
    : { type: "image", source, detail };
}

/** The plan stands before the calls it leads to. */
function decodeAssistant(message: JsonObject, path: string, context: DecodeContext): Turn {
  const parts: Part[] = [];
  const plan = readString(message, "tool_plan", path);
  if (plan !== undefined && plan !== "") parts.push({ type: "thinking", text: plan });
  for (const part of decodeContent(message.content, `${path}.content`, context)) parts.push(part);
  const calls = readList(message, "tool_calls", path) ?? [];
  for (let i = 0; i < calls.length; i++) {
    const where = `${path}.tool_calls[${i}]`;
    const call = requireObject(calls[i], where);
    const fn = readObject(call, "function", where) ?? {};
    parts.push({
      type: "call",
      id: requireString(call, "id", where),
      name: requireString(fn, "name", `${where}.function`),
      arguments: stringOf(fn.arguments) ?? (context.large.jsonText(fn.arguments) || "{}"),
      kind: "function",
    });
  }
  return { role: "assistant", parts };
}

function decodeResult(message: JsonObject, path: string, context: DecodeContext): Part {
  return {
    type: "result",
    callId: requireString(message, "tool_call_id", path),
    isError: false,
    parts: decodeContent(message.content, `${path}.content`, context),
  };
}

/** Documents of the request belong to the question that is asked now: the newest turn that the user himself wrote. */
export function addDocuments(
  documents: readonly unknown[],
  request: ChatRequest,
  context: DecodeContext,
): void {
  if (documents.length === 0) return;
  const parts = documents.map((document) =>
    decodeDocument(
      isObject(document) ? document : { data: typeof document === "string" ? document : "" },
      context,
    ),
  );
  const newest = [...request.turns]
    .reverse()
    .find((turn) => turn.role === "user" && turn.parts.every((part) => part.type !== "result"));
  if (newest === undefined) request.turns.push({ role: "user", parts });
  else for (const part of parts) newest.parts.push(part);
}

function decodeTools(body: JsonObject, context: DecodeContext): Tool[] {
  const strict = readBoolean(body, "strict_tools");
  return (readList(body, "tools") ?? []).map((value, i) => {
    const path = `tools[${i}]`;
    const fn = readObject(requireObject(value, path), "function", path) ?? {};
    const tool: Tool = {
      name: requireString(fn, "name", `${path}.function`),
      kind: "function",
      schema: readSchema(fn.parameters, `${path}.function.parameters`, context),
    };
    const description = readString(fn, "description", `${path}.function`);
    if (description !== undefined) tool.description = description;
    if (strict !== undefined) tool.strict = strict;
    return tool;
  });
}

function decodeChoice(body: JsonObject): ToolChoice | undefined {
  const choice = readString(body, "tool_choice");
  if (choice === undefined) return undefined;
  if (choice.toUpperCase() === "REQUIRED") return { mode: "required" };
  if (choice.toUpperCase() === "NONE") return { mode: "none" };
  throw badRequest("tool_choice must be REQUIRED or NONE", "invalid_request", "tool_choice");
}

/** v2 says `json_schema`, v1 `schema`; each takes the other's word too. */
export function decodeFormat(
  body: JsonObject,
  member: "json_schema" | "schema",
  context: DecodeContext,
): OutputFormat | undefined {
  const format = readObject(body, "response_format");
  if (format === undefined || format.type !== "json_object") return undefined;
  const schema = format[member] ?? format[member === "schema" ? "json_schema" : "schema"];
  if (schema === undefined || schema === null) return { kind: "json" };
  return { kind: "schema", schema: readSchema(schema, `response_format.${member}`, context) };
}

/** JSON text of a schema as it came; "" when there is none. Throws Failure (400) for what is no schema. */
function readSchema(value: unknown, path: string, context: DecodeContext): string {
  const schema = context.large.jsonText(value);
  if (schema !== "" && context.large.kindOf(schema) !== "object")
    throw badRequest(`${path} must be a JSON Schema`, "invalid_type", path);
  return schema;
}

function decodeThinking(body: JsonObject): ChatRequest["reasoning"] {
  const thinking = readObject(body, "thinking");
  if (thinking === undefined) return {};
  if (thinking.type === "disabled") return { effort: "none" };
  const budget = readNumber(thinking, "token_budget", "thinking");
  return budget === undefined ? { adaptive: true } : { budget };
}
