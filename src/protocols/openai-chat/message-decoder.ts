/** Chat messages -> system blocks and turns (40-protocols 1.1, 1.2, 1.4). */
import { badRequest } from "../../base/failure.ts";
import { CHAT_IDS, fitCallId } from "../call-ids.ts";
import { parseDataUrl } from "../data-url.ts";
import {
  type JsonObject,
  listOf,
  objectOf,
  readString,
  requireObject,
  requireString,
  stringOf,
} from "../json-value.ts";
import type { CacheMark, ChatRequest, MediaSource, Part, Turn } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";
import { isCarrier } from "../signature-carrier.ts";

export interface Conversation {
  readonly system: ChatRequest["system"];
  readonly turns: Turn[];
}

/** `cache_control` (OpenRouter, LiteLLM) and OpenAI's explicit breakpoints; undefined when there is none. */
export function readCacheMark(item: JsonObject): CacheMark | undefined {
  const control = objectOf(item.cache_control);
  if (control !== undefined) return { ttl: control.ttl === "1h" ? 3600 : 300 };
  const breakpoint = objectOf(item.prompt_cache_breakpoint);
  if (breakpoint !== undefined) return { ttl: breakpoint.ttl === "12h" ? 43200 : 300 };
  return undefined;
}

/** Throws Failure (400) naming the message that cannot be read. */
export function decodeMessages(messages: readonly unknown[], context: DecodeContext): Conversation {
  const system: ChatRequest["system"] = [];
  const turns: Turn[] = [];
  /** Name -> id of its call in the latest turn with one: `function` messages name the function, not the call. */
  const latest = new Map<string, string>();
  messages.forEach((item, index) => {
    const path = `messages[${index}]`;
    const message = requireObject(item, path);
    const role = requireString(message, "role", path);
    if ((role === "system" || role === "developer") && turns.length === 0) {
      for (const part of decodeContent(message, path, context)) {
        if (part.type !== "text") throw badRequest(`${path} may hold text only`, "invalid_value", path);
        system.push({ text: part.text, role, ...(part.cache === undefined ? {} : { cache: part.cache }) });
      }
      return;
    }
    const turn = decodeMessage(message, role, path, latest, context);
    for (let i = turn.parts.length - 1; i >= 0; i--) {
      const part = turn.parts[i];
      if (part?.type === "call") latest.set(part.name, part.id);
    }
    turns.push(turn);
  });
  return { system, turns };
}

function decodeMessage(
  message: JsonObject,
  role: string,
  path: string,
  latest: ReadonlyMap<string, string>,
  context: DecodeContext,
): Turn {
  const name = readString(message, "name", path);
  const named = name === undefined ? {} : { name };
  switch (role) {
    case "system":
    case "developer":
      return { role: "system", parts: decodeContent(message, path, context) };
    case "user":
      return { role: "user", parts: decodeContent(message, path, context), ...named };
    case "assistant":
      return decodeAssistant(message, path, context);
    case "tool":
    case "function": {
      const callId =
        role === "tool"
          ? requireString(message, "tool_call_id", path)
          : (latest.get(name ?? "") ?? name ?? "");
      const cache = readCacheMark(message);
      return {
        role: "user",
        parts: [
          {
            type: "result",
            callId,
            isError: false,
            parts: decodeContent(message, path, context),
            ...named,
            ...(cache === undefined ? {} : { cache }),
          },
        ],
      };
    }
    default:
      throw badRequest(`${path}.role "${role}" is not known`, "invalid_value", `${path}.role`);
  }
}

function decodeAssistant(message: JsonObject, path: string, context: DecodeContext): Turn {
  const reasoning = stringOf(message.reasoning_content) ?? stringOf(message.reasoning);
  const calls = listOf(message.tool_calls).map((item, index) =>
    decodeCall(requireObject(item, `${path}.tool_calls[${index}]`), `${path}.tool_calls[${index}]`, context),
  );
  const thinking: Part[] = [];
  if (reasoning !== undefined && reasoning !== "") thinking.push({ type: "thinking", text: reasoning });
  // The carrier of a turn's thinking rides on its first call, in the message or in our memory.
  const carried = calls[0]?.carrier;
  const first = thinking[0];
  if (carried !== undefined && first?.type === "thinking") first.foreign = carried;
  const parts: Part[] = [...thinking, ...decodeContent(message, path, context)];
  const refusal = readString(message, "refusal", path);
  if (refusal !== undefined && refusal !== "") parts.push({ type: "refusal", text: refusal });
  if (objectOf(message.audio) !== undefined) {
    parts.push({ type: "opaque", vendor: "openai", raw: JSON.stringify({ audio: message.audio }) });
  }
  calls.forEach(({ call, carrier }, index) => {
    if (carrier !== undefined && !(index === 0 && first?.type === "thinking")) {
      parts.push({ type: "thinking", text: "", foreign: carrier });
    }
    parts.push(call);
  });
  const legacy = objectOf(message.function_call);
  if (legacy !== undefined) {
    const name = requireString(legacy, "name", `${path}.function_call`);
    parts.push({
      type: "call",
      id: fitCallId(`legacy function call ${path} ${name}`.padEnd(60), CHAT_IDS),
      name,
      arguments: argumentsText(legacy.arguments, context),
      kind: "function",
    });
  }
  return { role: "assistant", parts };
}

function argumentsText(value: unknown, context: DecodeContext): string {
  // Some clients send the object itself: then a placeholder stands here for its text, which is as good.
  return typeof value === "string" ? value : context.large.jsonText(value);
}

function decodeCall(
  item: JsonObject,
  path: string,
  context: DecodeContext,
): { call: Extract<Part, { type: "call" }>; carrier?: string } {
  const custom = objectOf(item.custom);
  const body = custom ?? objectOf(item.function);
  if (body === undefined) {
    throw badRequest(`${path}.function is required`, "missing_member", `${path}.function`);
  }
  const id = requireString(item, "id", path);
  const google = objectOf(objectOf(item.extra_content)?.google);
  const signature = stringOf(google?.thought_signature);
  const carrier = signature !== undefined && isCarrier(signature) ? signature : context.carriers.get(id);
  const call: Extract<Part, { type: "call" }> = {
    type: "call",
    id,
    name: requireString(body, "name", path),
    arguments: custom === undefined ? argumentsText(body.arguments, context) : (stringOf(custom.input) ?? ""),
    kind: custom === undefined ? "function" : "custom",
    ...(signature !== undefined && !isCarrier(signature)
      ? { signature: { vendor: "google", value: signature } }
      : {}),
  };
  return carrier === undefined ? { call } : { call, carrier };
}

function decodeContent(message: JsonObject, path: string, context: DecodeContext): Part[] {
  const content = message.content;
  if (content === undefined || content === null) return [];
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  if (!Array.isArray(content)) {
    throw badRequest(`${path}.content must be a string or a list`, "invalid_type", `${path}.content`);
  }
  return content.map((item, index) => {
    const place = `${path}.content[${index}]`;
    return decodePart(requireObject(item, place), place, context);
  });
}

function decodePart(item: JsonObject, path: string, context: DecodeContext): Part {
  const cache = readCacheMark(item);
  const marked = cache === undefined ? {} : { cache };
  switch (item.type) {
    case "text":
    case "input_text":
    case "output_text":
      return { type: "text", text: readString(item, "text", path) ?? "", ...marked };
    case "refusal":
      return { type: "refusal", text: readString(item, "refusal", path) ?? "" };
    case "image_url":
      return { ...decodeImage(item, path, context), ...marked };
    case "input_audio": {
      const audio = objectOf(item.input_audio) ?? {};
      return {
        type: "audio",
        data: requireString(audio, "data", `${path}.input_audio`),
        format: readString(audio, "format", `${path}.input_audio`) ?? "wav",
      };
    }
    case "file":
      return { type: "document", ...decodeFile(item, path, context), ...marked };
    default:
      throw badRequest(`${path}.type "${String(item.type)}" is not known`, "invalid_value", `${path}.type`);
  }
}

function decodeImage(
  item: JsonObject,
  path: string,
  context: DecodeContext,
): Extract<Part, { type: "image" }> {
  const image =
    typeof item.image_url === "string" ? { url: item.image_url } : (objectOf(item.image_url) ?? {});
  const place = `${path}.image_url`;
  const url = requireString(image, "url", place);
  const detail = readString(image, "detail", place);
  const detailed = detail === undefined ? {} : { detail };
  const data = parseDataUrl(url, context.large);
  if (data === null) {
    if (!/^https?:/i.test(url)) {
      throw badRequest(`${place}.url is neither a data URL nor http(s)`, "invalid_value", `${place}.url`);
    }
    return { type: "image", source: { kind: "url", url }, ...detailed };
  }
  return { type: "image", source: { kind: "base64", ...data }, ...detailed };
}

function decodeFile(
  item: JsonObject,
  path: string,
  context: DecodeContext,
): { source: MediaSource; title?: string } {
  const file = objectOf(item.file) ?? {};
  const title = readString(file, "filename", `${path}.file`);
  const titled = title === undefined ? {} : { title };
  const id = readString(file, "file_id", `${path}.file`);
  if (id !== undefined) return { source: { kind: "file", vendor: "openai", id }, ...titled };
  const text = requireString(file, "file_data", `${path}.file`);
  const data = parseDataUrl(text, context.large) ?? { mime: "application/pdf", data: text };
  return { source: { kind: "base64", ...data }, ...titled };
}
