/** Turns as `input` items. */
import { badRequest } from "../../base/failure.ts";
import { writeDataUrl } from "../data-url.ts";
import type { MediaSource, Part, Signature, Turn } from "../neutral.ts";
import type { ConvertContext } from "../protocol.ts";
import { decodeCarrier, restoreSignatures } from "../signature-carrier.ts";
import { OPENAI_NAMES, upstreamName } from "../tool-names.ts";
import { ERROR_PREFIX } from "./types.ts";

type Json = Record<string, unknown>;
type PartOf<T extends Part["type"]> = Extract<Part, { type: T }>;

/** `customTools`: OpenAI itself, which has them and developers. Throws Failure (400, param) for parts without a place. */
export function encodeTurns(turns: readonly Turn[], customTools: boolean, context: ConvertContext): Json[] {
  const items: Json[] = [];
  const customCalls = customTools ? new Set<string>() : null;
  turns.forEach((turn, index) => {
    const path = `messages[${index}]`;
    if (turn.role === "assistant") encodeAssistant(turn, path, items, customCalls, context);
    else encodeOther(turn, path, items, customCalls, context);
  });
  return items;
}

function encodeOther(
  turn: Turn,
  path: string,
  items: Json[],
  custom: Set<string> | null,
  context: ConvertContext,
): void {
  const content: Json[] = [];
  turn.parts.forEach((part, at) => {
    const where = `${path}.content[${at}]`;
    if (part.type === "result") items.push(encodeResult(part, where, custom, context));
    else {
      const json = encodeContent(part, where, context);
      if (json !== null) content.push(json);
    }
  });
  if (content.length === 0) return;
  const role =
    turn.role === "system" && turn.name === "developer" && custom !== null ? "developer" : turn.role;
  items.push({ type: "message", role, content });
}

function encodeAssistant(
  turn: Turn,
  path: string,
  items: Json[],
  custom: Set<string> | null,
  context: ConvertContext,
): void {
  let content: Json[] = [];
  /** A reasoning item may not stand alone (40-protocols 1.7): it waits for what follows it. */
  let reasoning: Json[] = [];
  const flush = () => {
    if (content.length === 0) return;
    const phase = turn.phase === undefined ? {} : { phase: turn.phase };
    items.push({ type: "message", role: "assistant", content, ...phase });
    content = [];
  };
  turn.parts.forEach((part, at) => {
    if (part.type === "thinking") {
      flush();
      const item = encodeReasoning(part, context);
      if (item !== null) reasoning.push(item);
      return;
    }
    if (part.type === "call") {
      flush();
      items.push(...reasoning.splice(0), encodeCall(part, custom, context));
      return;
    }
    const json = encodeSpoken(part, `${path}.content[${at}]`, context);
    if (json === null) return;
    items.push(...reasoning.splice(0));
    content.push(json);
  });
  flush();
  reasoning = [];
}

/** Only OpenAI's own reasoning goes back, and only with its encrypted content: nothing is stored there. */
function encodeReasoning(part: PartOf<"thinking">, context: ConvertContext): Json | null {
  const signature = ownSignature(part, context);
  if (signature === undefined || signature.value === "" || signature.id === undefined) return null;
  return {
    type: "reasoning",
    id: signature.id,
    summary: part.text === "" ? [] : [{ type: "summary_text", text: part.text }],
    encrypted_content: signature.value,
  };
}

function ownSignature(part: PartOf<"thinking">, context: ConvertContext): Signature | undefined {
  if (context.dropThinking === true) return undefined;
  if (part.signature?.vendor === "openai") return part.signature;
  if (part.foreign === undefined) return undefined;
  const target = { vendor: "openai" as const, model: context.model, prefix: "" };
  return restoreSignatures(decodeCarrier(part.foreign), target).find(({ vendor }) => vendor === "openai");
}

function encodeCall(part: PartOf<"call">, custom: Set<string> | null, context: ConvertContext): Json {
  const name = upstreamName(part.name, part.namespace, OPENAI_NAMES);
  if (part.kind === "custom" && custom === null) {
    return {
      type: "function_call",
      call_id: part.id,
      name,
      arguments: JSON.stringify({ input: context.large.expand(part.arguments) }),
    };
  }
  if (part.kind === "custom") {
    custom?.add(part.id);
    return { type: "custom_tool_call", call_id: part.id, name, input: part.arguments };
  }
  return {
    type: "function_call",
    call_id: part.id,
    name,
    arguments: part.arguments === "" ? "{}" : part.arguments,
  };
}

function encodeSpoken(part: Part, path: string, context: ConvertContext): Json | null {
  if (part.type === "text") return { type: "output_text", text: part.text, annotations: [] };
  if (part.type === "refusal") return { type: "refusal", refusal: part.text };
  if (part.type === "opaque") {
    context.warn("item_dropped", path);
    return null;
  }
  throw badRequest(`${path}: an assistant's ${part.type} cannot be sent back`, "unsupported_input", path);
}

function encodeResult(
  part: PartOf<"result">,
  path: string,
  custom: Set<string> | null,
  context: ConvertContext,
): Json {
  const type = custom?.has(part.callId) === true ? "custom_tool_call_output" : "function_call_output";
  const texts = part.parts.every((inner) => inner.type === "text");
  if (texts) {
    const only = part.parts.length === 1 ? part.parts[0] : undefined;
    const text =
      only?.type === "text"
        ? only.text
        : part.parts.map((inner) => (inner.type === "text" ? inner.text : "")).join("\n");
    return { type, call_id: part.callId, output: part.isError ? ERROR_PREFIX + text : text };
  }
  const output: Json[] = part.isError ? [{ type: "input_text", text: ERROR_PREFIX.trimEnd() }] : [];
  part.parts.forEach((inner, at) => {
    const json = encodeContent(inner, `${path}.content[${at}]`, context);
    if (json !== null) output.push(json);
  });
  return { type, call_id: part.callId, output };
}

/** A part of the user's (or a tool's) message. */
function encodeContent(part: Part, path: string, context: ConvertContext): Json | null {
  switch (part.type) {
    case "text":
      return { type: "input_text", text: part.text };
    case "image":
      return { type: "input_image", detail: part.detail ?? "auto", ...imageSource(part.source, path) };
    case "document":
      return encodeDocument(part, path);
    case "refusal":
      return { type: "input_text", text: part.text };
    case "opaque":
      context.warn("item_dropped", path);
      return null;
    default:
      throw badRequest(`${path}: OpenAI's Responses take no ${part.type} here`, "unsupported_input", path);
  }
}

function foreignFile(path: string): never {
  throw badRequest(
    `${path}: a file id of another vendor means nothing to this target`,
    "unsupported_input",
    path,
  );
}

function imageSource(source: MediaSource, path: string): Json {
  switch (source.kind) {
    case "base64":
      return { image_url: writeDataUrl(source.mime, source.data) };
    case "url":
      return { image_url: source.url };
    case "file":
      return source.vendor === "openai" ? { file_id: source.id } : foreignFile(path);
    default:
      throw badRequest(`${path}: an image cannot be text`, "unsupported_input", path);
  }
}

function encodeDocument(part: PartOf<"document">, path: string): Json {
  const { source } = part;
  switch (source.kind) {
    case "base64":
      return {
        type: "input_file",
        filename: part.title ?? (source.mime === "application/pdf" ? "document.pdf" : "document.txt"),
        file_data: writeDataUrl(source.mime, source.data),
      };
    case "url":
      return { type: "input_file", file_url: source.url };
    case "file":
      return source.vendor === "openai" ? { type: "input_file", file_id: source.id } : foreignFile(path);
    default:
      return {
        type: "input_text",
        text: part.title === undefined ? source.text : `${part.title}\n\n${source.text}`,
      };
  }
}
