/** The items of `input` as turns: neighbouring assistant items are one turn, neighbouring results another. */
import { badRequest } from "../../base/failure.ts";
import { parseDataUrl } from "../data-url.ts";
import {
  isObject,
  type JsonObject,
  readString,
  requireObject,
  requireString,
  stringOf,
} from "../json-value.ts";
import type { Part, Turn } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";
import { decodeCarrier, isCarrier } from "../signature-carrier.ts";
import { reasoningText } from "./response.ts";
import { ERROR_PREFIX } from "./types.ts";

/** Traces of hosted tools: another vendor cannot use them, and the answer that follows holds what came of them. */
const DROPPED = new Set(["web_search_call", "tool_search_call", "tool_search_output"]);

/** Throws Failure (400, param) for items that cannot be carried. */
export function decodeInput(input: readonly unknown[], context: DecodeContext): Turn[] {
  const turns: Turn[] = [];
  input.forEach((value, index) => {
    const path = `input[${index}]`;
    decodeItem(requireObject(value, path), path, turns, context);
  });
  return turns;
}

function decodeItem(item: JsonObject, path: string, turns: Turn[], context: DecodeContext): void {
  const type = stringOf(item["type"]) ?? (item["role"] === undefined ? "item_reference" : "message");
  switch (type) {
    case "message":
      decodeMessage(item, path, turns, context);
      return;
    case "function_call":
    case "custom_tool_call": {
      const custom = type === "custom_tool_call";
      const namespace = readString(item, "namespace", path);
      addAssistant(turns, {
        type: "call",
        id: requireString(item, "call_id", path),
        name: requireString(item, "name", path),
        arguments: readString(item, custom ? "input" : "arguments", path) ?? "",
        kind: custom ? "custom" : "function",
        ...(namespace === undefined ? {} : { namespace }),
      });
      return;
    }
    case "local_shell_call":
    case "shell_call":
    case "apply_patch_call": {
      const member = type === "apply_patch_call" ? "operation" : "action";
      addAssistant(turns, {
        type: "call",
        id: requireString(item, "call_id", path),
        name: type.slice(0, -"_call".length),
        arguments: JSON.stringify(item[member] ?? {}),
        kind: "function",
      });
      return;
    }
    case "function_call_output":
    case "custom_tool_call_output":
    case "local_shell_call_output":
    case "shell_call_output":
    case "apply_patch_call_output":
      decodeOutput(item, path, turns, context);
      return;
    case "reasoning":
      decodeReasoning(item, turns);
      return;
    case "item_reference":
      throw badRequest(`${path} refers to an item that is not held here`, "unsupported_parameter", path);
    default:
      if (!DROPPED.has(type)) {
        throw badRequest(
          `${path}: ${type} items cannot be sent to this model's provider`,
          "unsupported_item",
          path,
        );
      }
      context.warn("item_dropped", path);
  }
}

/** The open assistant turn, or a new one. */
function addAssistant(turns: Turn[], part: Part): void {
  const last = turns[turns.length - 1];
  if (last?.role === "assistant") last.parts.push(part);
  else turns.push({ role: "assistant", parts: [part] });
}

function decodeMessage(item: JsonObject, path: string, turns: Turn[], context: DecodeContext): void {
  const role = requireString(item, "role", path);
  const parts = decodeContent(item["content"], path, context);
  if (role === "assistant") {
    const phase = readString(item, "phase", path);
    const last = turns[turns.length - 1];
    if (last?.role === "assistant" && last.phase === phase) for (const part of parts) last.parts.push(part);
    else turns.push({ role: "assistant", parts, ...(phase === undefined ? {} : { phase }) });
  } else if (role === "system" || role === "developer") {
    turns.push({ role: "system", parts, ...(role === "developer" ? { name: role } : {}) });
  } else if (role === "user") {
    turns.push({ role: "user", parts });
  } else {
    throw badRequest(`${path}.role is unknown`, "invalid_value", `${path}.role`);
  }
}

function decodeContent(content: unknown, path: string, context: DecodeContext): Part[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (content === undefined || content === null) return [];
  if (!Array.isArray(content))
    throw badRequest(`${path}.content must be a text or a list`, "invalid_type", `${path}.content`);
  return content.map((value, index) => {
    const where = `${path}.content[${index}]`;
    return decodePart(requireObject(value, where), where, context);
  });
}

/** Texts, images and files, of messages and of tool outputs. */
function decodePart(part: JsonObject, path: string, context: DecodeContext): Part {
  const cache = isObject(part["prompt_cache_breakpoint"]) ? { cache: { ttl: 300 } } : {};
  switch (part["type"]) {
    case "input_text":
    case "output_text":
    case "text":
      return { type: "text", text: readString(part, "text", path) ?? "", ...cache };
    case "refusal":
      return { type: "refusal", text: readString(part, "refusal", path) ?? "" };
    case "input_image":
      return decodeImage(part, path, context, cache);
    case "input_file":
      return decodeFile(part, path, context, cache);
    default:
      throw badRequest(
        `${path}: parts of type ${String(part["type"])} are not known`,
        "unsupported_input",
        path,
      );
  }
}

function decodeImage(part: JsonObject, path: string, context: DecodeContext, cache: object): Part {
  const detail = readString(part, "detail", path);
  const extra = { ...cache, ...(detail === undefined ? {} : { detail }) };
  const id = readString(part, "file_id", path);
  if (id !== undefined) return { type: "image", source: { kind: "file", vendor: "openai", id }, ...extra };
  const url = requireString(part, "image_url", path);
  const data = parseDataUrl(url, context.large);
  if (data !== null) return { type: "image", source: { kind: "base64", ...data }, ...extra };
  return { type: "image", source: { kind: "url", url }, ...extra };
}

function decodeFile(part: JsonObject, path: string, context: DecodeContext, cache: object): Part {
  const filename = readString(part, "filename", path);
  const title = filename === undefined ? cache : { ...cache, title: filename };
  const id = readString(part, "file_id", path);
  if (id !== undefined) return { type: "document", source: { kind: "file", vendor: "openai", id }, ...title };
  const url = readString(part, "file_url", path);
  if (url !== undefined) return { type: "document", source: { kind: "url", url }, ...title };
  const file = requireString(part, "file_data", path);
  const data = parseDataUrl(file, context.large) ?? { mime: mimeOf(filename), data: file };
  return { type: "document", source: { kind: "base64", ...data }, ...title };
}

/** Bare base64 says nothing of its type; PDFs are what callers send. */
function mimeOf(filename: string | undefined): string {
  return filename !== undefined && /\.(txt|md|csv)$/i.test(filename) ? "text/plain" : "application/pdf";
}

function decodeOutput(item: JsonObject, path: string, turns: Turn[], context: DecodeContext): void {
  const output = item["output"];
  const parts =
    typeof output === "string" || item["type"] !== "shell_call_output"
      ? decodeContent(output, path, context)
      : [{ type: "text" as const, text: JSON.stringify(output) }];
  const first = parts[0];
  const marked = first?.type === "text" && first.text.startsWith(ERROR_PREFIX);
  if (first?.type === "text" && marked) parts[0] = { ...first, text: first.text.slice(ERROR_PREFIX.length) };
  const result: Part = {
    type: "result",
    callId: stringOf(item["call_id"]) ?? requireString(item, "id", path),
    isError: marked || item["status"] === "failed",
    parts,
  };
  const last = turns[turns.length - 1];
  if (last?.role === "user" && last.parts.every((part) => part.type === "result")) last.parts.push(result);
  else turns.push({ role: "user", parts: [result] });
}

function decodeReasoning(item: JsonObject, turns: Turn[]): void {
  const encrypted = stringOf(item["encrypted_content"]) ?? "";
  const id = stringOf(item["id"]);
  const text = reasoningText(item);
  if (isCarrier(encrypted)) {
    const carrier = decodeCarrier(encrypted);
    if (text === "" && carrier === null) return;
    addAssistant(turns, { type: "thinking", text, ...(carrier === null ? {} : { foreign: encrypted }) });
    return;
  }
  if (text === "" && encrypted === "") return;
  addAssistant(turns, {
    type: "thinking",
    text,
    ...(encrypted === ""
      ? {}
      : { signature: { vendor: "openai", value: encrypted, ...(id === undefined ? {} : { id }) } }),
  });
}
