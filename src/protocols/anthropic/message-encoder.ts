/** Turns -> Anthropic messages (40-protocols 1.1, 1.2, 1.4, 1.7). */
import { badRequest } from "../../base/failure.ts";
import { ArgumentScanner } from "../argument-scanner.ts";
import { ANTHROPIC_IDS, fitTurnIds } from "../call-ids.ts";
import { documentText } from "../document.ts";
import { shapeTurns } from "../history.ts";
import type { CacheMark, ChatRequest, Part, Signature, Turn } from "../neutral.ts";
import { prefixHashes } from "../prefix-hash.ts";
import type { Capability, ConvertContext } from "../protocol.ts";
import { decodeCarrier, restoreSignatures } from "../signature-carrier.ts";
import { ANTHROPIC_NAMES, upstreamName } from "../tool-names.ts";

export type Block = Record<string, unknown>;

export interface AnthropicMessage {
  role: "user" | "assistant" | "system";
  content: Block[];
}

const IMAGE_TYPES = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/** `cache_control` for a mark; 12 h and 1 h are both "1h" here. */
export function cacheControl(cache: CacheMark | undefined): Block {
  if (cache === undefined) return {};
  return { cache_control: cache.ttl >= 3600 ? { type: "ephemeral", ttl: "1h" } : { type: "ephemeral" } };
}

/**
 * The signatures each thinking part of the history may go back with: only those this very model gave, with the same
 * prefix before them. Thinking without one is left out.
 */
function restoredThinking(request: ChatRequest, context: ConvertContext): Map<Part, readonly Signature[]> {
  const restored = new Map<Part, readonly Signature[]>();
  if (context.dropThinking === true) return restored;
  const carried = request.turns.some((turn) =>
    turn.parts.some((part) => part.type === "thinking" && part.foreign !== undefined),
  );
  const prefixes = carried ? prefixHashes(request, context.large) : [];
  request.turns.forEach((turn, index) => {
    for (const part of turn.parts) {
      if (part.type !== "thinking") continue;
      if (part.signature?.vendor === "anthropic") restored.set(part, [part.signature]);
      else if (part.foreign !== undefined) {
        const target = { vendor: "anthropic", model: context.model, prefix: prefixes[index] ?? "" } as const;
        restored.set(part, restoreSignatures(decodeCarrier(part.foreign), target));
      }
    }
  });
  return restored;
}

/** Throws Failure (400) naming the part Anthropic has no place for. */
export function encodeMessages(
  request: ChatRequest,
  capability: Capability,
  context: ConvertContext,
): AnthropicMessage[] {
  const thinking = restoredThinking(request, context);
  const turns = fitTurnIds(
    shapeTurns(request, {
      merge: true,
      userFirst: true,
      systemMidway: capability.systemMidway === true,
      capability,
      warn: context.warn,
    }),
    ANTHROPIC_IDS,
  );
  const messages: AnthropicMessage[] = [];
  turns.forEach((turn, index) => {
    const path = `messages[${index}]`;
    const last = index === turns.length - 1;
    const content = encodeTurn(turn, path, last, thinking, context);
    if (content.length > 0) messages.push({ role: turn.role, content });
    else if (turn.role === "user")
      messages.push({ role: "user", content: [{ type: "text", text: "(empty)" }] });
  });
  return mergeNeighbours(messages);
}

/** A dropped assistant turn leaves two user turns side by side. */
function mergeNeighbours(messages: readonly AnthropicMessage[]): AnthropicMessage[] {
  const out: AnthropicMessage[] = [];
  for (const message of messages) {
    const last = out[out.length - 1];
    if (last === undefined || last.role !== message.role) out.push(message);
    else for (const block of message.content) last.content.push(block);
  }
  return out;
}

function encodeTurn(
  turn: Turn,
  path: string,
  last: boolean,
  thinking: Map<Part, readonly Signature[]>,
  context: ConvertContext,
): Block[] {
  const blocks: Block[] = [];
  for (const part of turn.parts) {
    if (part.type === "thinking") blocks.push(...encodeThinking(part, thinking.get(part) ?? []));
    else if (part.type === "result") blocks.push(encodeResult(part, path, context));
    else {
      const block = encodePart(part, path, context);
      if (block !== null) blocks.push(block);
    }
  }
  const final = blocks[blocks.length - 1];
  // 400 "final assistant content cannot end with trailing whitespace" (1.1).
  if (last && turn.role === "assistant" && final?.type === "text") {
    const text = context.large.has(String(final.text)) ? String(final.text) : String(final.text).trimEnd();
    if (text === "") blocks.pop();
    else final.text = text;
  }
  return blocks;
}

function encodeThinking(
  part: Extract<Part, { type: "thinking" }>,
  signatures: readonly Signature[],
): Block[] {
  const plain = signatures.filter((signature) => signature.redacted !== true);
  // Several signatures for one text cannot be told apart any more: then none goes back.
  if (plain.length > 1) return [];
  const blocks: Block[] = signatures
    .filter((signature) => signature.redacted === true)
    .map((signature) => ({ type: "redacted_thinking", data: signature.value }));
  const signature = plain[0];
  if (signature !== undefined) {
    blocks.push({ type: "thinking", thinking: part.text, signature: signature.value });
  }
  return blocks;
}

function encodeResult(part: Extract<Part, { type: "result" }>, path: string, context: ConvertContext): Block {
  const content = part.parts
    .map((inner) => encodePart(inner, path, context))
    .filter((block) => block !== null);
  const first = content[0];
  const only = content.length === 1 && first?.type === "text" && Object.keys(first).length === 2;
  return {
    type: "tool_result",
    tool_use_id: part.callId,
    ...(content.length === 0 ? {} : { content: only ? first.text : content }),
    ...(part.isError ? { is_error: true } : {}),
    ...cacheControl(part.cache),
  };
}

function unsupported(what: string, path: string): never {
  throw badRequest(`${path}: Anthropic takes no ${what}`, "unsupported_content", path);
}

/** null = nothing of it is sent. */
function encodePart(part: Part, path: string, context: ConvertContext): Block | null {
  switch (part.type) {
    case "text":
      // "text content blocks must be non-empty" (LiteLLM #22930).
      if (part.text.trim() === "") return null;
      return part.cache === undefined
        ? { type: "text", text: part.text }
        : { type: "text", text: part.text, ...cacheControl(part.cache) };
    case "refusal":
      return part.text.trim() === "" ? null : { type: "text", text: part.text };
    case "image":
      return { type: "image", source: encodeImage(part, path), ...cacheControl(part.cache) };
    case "document":
      return encodeDocument(part, path);
    case "call":
      return {
        type: "tool_use",
        id: part.id,
        name: upstreamName(part.name, part.namespace, ANTHROPIC_NAMES),
        input: encodeInput(part, context),
        ...cacheControl(part.cache),
      };
    case "opaque":
      if (part.vendor === "anthropic") return context.large.raw(part.raw) as unknown as Block;
      context.warn("vendor_item", path);
      return null;
    default:
      return unsupported(part.type, path);
  }
}

function encodeInput(part: Extract<Part, { type: "call" }>, context: ConvertContext): unknown {
  const { large, names } = context;
  const upstream = upstreamName(part.name, part.namespace, ANTHROPIC_NAMES);
  if (part.kind === "custom") return { input: part.arguments };
  if (part.arguments.trim() === "") return {};
  const kind = large.kindOf(part.arguments);
  if (kind === "broken") {
    // Raw line ends inside strings are the common fault, and can be mended (case 97).
    const scanner = new ArgumentScanner();
    const mended = scanner.push(large.expand(part.arguments));
    return scanner.complete && scanner.isObject ? large.raw(mended) : { input: large.expand(part.arguments) };
  }
  const wrapped = kind !== "object" || names.tools.get(upstream)?.wrapped === true;
  return wrapped ? { input: large.raw(part.arguments) } : large.raw(part.arguments);
}

function encodeImage(part: Extract<Part, { type: "image" }>, path: string): Block {
  const source = part.source;
  if (source.kind === "url") return { type: "url", url: source.url };
  if (source.kind === "base64") {
    if (!IMAGE_TYPES.includes(source.mime)) unsupported(`image of type ${source.mime || "unknown"}`, path);
    return { type: "base64", media_type: source.mime, data: source.data };
  }
  if (source.kind === "file" && source.vendor === "anthropic") return { type: "file", file_id: source.id };
  return unsupported("file id of another vendor", path);
}

function encodeDocument(part: Extract<Part, { type: "document" }>, path: string): Block {
  const rest = {
    ...(part.title === undefined ? {} : { title: part.title }),
    ...(part.context === undefined ? {} : { context: part.context }),
    ...(part.cite === true ? { citations: { enabled: true } } : {}),
    ...cacheControl(part.cache),
  };
  const source = part.source;
  if (source.kind === "text") {
    if (source.text.trim() === "") return { type: "text", text: documentText(part) ?? "(empty)" };
    return {
      type: "document",
      source: { type: "text", media_type: "text/plain", data: source.text },
      ...rest,
    };
  }
  if (source.kind === "url") return { type: "document", source: { type: "url", url: source.url }, ...rest };
  if (source.kind === "base64") {
    if (source.mime !== "application/pdf") unsupported(`document of type ${source.mime || "unknown"}`, path);
    return {
      type: "document",
      source: { type: "base64", media_type: source.mime, data: source.data },
      ...rest,
    };
  }
  if (source.vendor !== "anthropic") unsupported("file id of another vendor", path);
  return { type: "document", source: { type: "file", file_id: source.id }, ...rest };
}
