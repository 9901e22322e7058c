/** Anthropic messages and content blocks -> turns and parts (40-protocols 1.1, 1.2, 1.4, 1.7). */
import { badRequest } from "../../base/failure.ts";
import { cleanBase64, sniffMime } from "../data-url.ts";
import {
  type JsonObject,
  listOf,
  objectOf,
  readString,
  requireObject,
  requireString,
  stringOf,
} from "../json-value.ts";
import type { CacheMark, MediaSource, Part, Turn } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";
import { isCarrier } from "../signature-carrier.ts";

export function readCacheControl(item: JsonObject): CacheMark | undefined {
  const control = objectOf(item.cache_control);
  return control === undefined ? undefined : { ttl: control.ttl === "1h" ? 3600 : 300 };
}

/** Throws Failure (400) naming the message that cannot be read. */
export function decodeMessages(messages: readonly unknown[], context: DecodeContext): Turn[] {
  return messages.map((item, index) => {
    const path = `messages[${index}]`;
    const message = requireObject(item, path);
    const role = requireString(message, "role", path);
    if (role !== "user" && role !== "assistant" && role !== "system") {
      throw badRequest(`${path}.role "${role}" is not known`, "invalid_value", `${path}.role`);
    }
    return { role, parts: decodeContent(message.content, `${path}.content`, context) };
  });
}

function decodeContent(content: unknown, path: string, context: DecodeContext): Part[] {
  if (content === undefined || content === null) return [];
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  if (!Array.isArray(content)) {
    throw badRequest(`${path} must be a string or a list`, "invalid_type", path);
  }
  const parts: Part[] = [];
  for (let index = 0; index < content.length; index++) {
    const place = `${path}[${index}]`;
    const part = decodeBlock(requireObject(content[index], place), place, context);
    if (part !== null) parts.push(part);
  }
  return parts;
}

function decodeBlock(block: JsonObject, path: string, context: DecodeContext): Part | null {
  const cache = readCacheControl(block);
  const marked = cache === undefined ? {} : { cache };
  switch (block.type) {
    case "text":
      return { type: "text", text: readString(block, "text", path) ?? "", ...marked };
    case "image":
      return { type: "image", source: decodeSource(block, path, context), ...marked };
    case "document":
      return decodeDocument(block, path, context);
    case "search_result":
      return decodeSearchResult(block, path);
    case "thinking":
      return decodeThinking(block);
    case "redacted_thinking":
      return decodeRedacted(block);
    case "tool_use":
      return {
        type: "call",
        id: requireString(block, "id", path),
        name: requireString(block, "name", path),
        arguments: context.large.jsonText(block.input ?? {}),
        kind: "function",
        ...marked,
      };
    case "tool_result":
      return {
        type: "result",
        callId: requireString(block, "tool_use_id", path),
        isError: block.is_error === true,
        parts: decodeContent(block.content, `${path}.content`, context),
        ...marked,
      };
    case "tool_reference":
      return { type: "text", text: `tool ${readString(block, "tool_name", path) ?? ""} is now available` };
    default:
      if (typeof block.type !== "string")
        throw badRequest(`${path}.type is required`, "missing_member", path);
      // Server tools and their results mean something to Anthropic only.
      return { type: "opaque", vendor: "anthropic", raw: context.large.jsonText(block) };
  }
}

/** A signature of ours is a carrier, an empty one is none (Claude Code echoes "" of foreign answers). */
function decodeThinking(block: JsonObject): Part {
  const text = stringOf(block.thinking) ?? "";
  const signature = stringOf(block.signature) ?? "";
  if (signature === "") return { type: "thinking", text };
  if (isCarrier(signature)) return { type: "thinking", text, foreign: signature };
  return { type: "thinking", text, signature: { vendor: "anthropic", value: signature } };
}

function decodeRedacted(block: JsonObject): Part | null {
  const data = stringOf(block.data) ?? "";
  if (data === "") return null;
  if (isCarrier(data)) return { type: "thinking", text: "", foreign: data };
  return { type: "thinking", text: "", signature: { vendor: "anthropic", value: data, redacted: true } };
}

function decodeSource(block: JsonObject, path: string, context: DecodeContext): MediaSource {
  const source = objectOf(block.source) ?? {};
  const place = `${path}.source`;
  switch (source.type) {
    case "base64": {
      const data = cleanBase64(requireString(source, "data", place), context.large);
      const mime = stringOf(source.media_type) ?? sniffMime(data, context.large);
      return { kind: "base64", mime, data };
    }
    case "url":
      return { kind: "url", url: requireString(source, "url", place) };
    case "file":
      return { kind: "file", vendor: "anthropic", id: requireString(source, "file_id", place) };
    case "text":
      return { kind: "text", text: requireString(source, "data", place) };
    case "content":
      return { kind: "text", text: textOf(source.content) };
    default:
      throw badRequest(
        `${place}.type "${String(source.type)}" is not known`,
        "invalid_value",
        `${place}.type`,
      );
  }
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return listOf(content)
    .map((item) => stringOf(objectOf(item)?.text) ?? "")
    .join("\n");
}

function decodeDocument(block: JsonObject, path: string, context: DecodeContext): Part {
  const title = stringOf(block.title);
  const about = stringOf(block.context);
  const cache = readCacheControl(block);
  const cite = objectOf(block.citations)?.enabled === true;
  return {
    type: "document",
    source: decodeSource(block, path, context),
    ...(title === undefined ? {} : { title }),
    ...(about === undefined ? {} : { context: about }),
    ...(cite ? { cite } : {}),
    ...(cache === undefined ? {} : { cache }),
  };
}

function decodeSearchResult(block: JsonObject, path: string): Part {
  const cache = readCacheControl(block);
  const source = readString(block, "source", path);
  return {
    type: "document",
    source: { kind: "text", text: textOf(block.content) },
    title: readString(block, "title", path) ?? "",
    ...(source === undefined ? {} : { context: `Source: ${source}` }),
    ...(cache === undefined ? {} : { cache }),
  };
}
