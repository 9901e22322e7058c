/** Turns -> Chat messages for one upstream (40-protocols 1.1, 1.2, 1.4, 1.7). */
import { badRequest } from "../../base/failure.ts";
import { CHAT_IDS, fitTurnIds, MISTRAL_IDS } from "../call-ids.ts";
import { writeDataUrl } from "../data-url.ts";
import { documentText } from "../document.ts";
import { shapeTurns, systemBlocks } from "../history.ts";
import type { CacheMark, ChatRequest, Part, Turn } from "../neutral.ts";
import type { ConvertContext } from "../protocol.ts";
import { OPENAI_NAMES, upstreamName } from "../tool-names.ts";
import { type Dialect, takesBreakpoints } from "./dialects.ts";
import type { ChatContentPart, ChatMessage, ChatToolCall } from "./types.ts";

type CallPart = Extract<Part, { type: "call" }>;
type ResultPart = Extract<Part, { type: "result" }>;

const ERROR_MARK = "[tool error] ";
const IMAGE_BELOW = "[see image below]";

export interface EncodedMessages {
  readonly messages: ChatMessage[];
  /** DeepSeek refuses a call beside which its thinking is missing: thinking is off for this request. */
  readonly thinkingOff: boolean;
}

/** Throws Failure (400) naming the part that Chat Completions has no place for. */
export function encodeMessages(
  request: ChatRequest,
  dialect: Dialect,
  context: ConvertContext,
): EncodedMessages {
  const shaped = shapeTurns(request, {
    merge: false,
    userFirst: false,
    systemMidway: true,
    capability: context.capability,
    warn: context.warn,
  });
  const turns = fitTurnIds(shaped, dialect.nineIds ? MISTRAL_IDS : CHAT_IDS);
  const writer = new MessageWriter(dialect, context);
  writer.writeSystem(request);
  turns.forEach((turn, index) => {
    writer.writeTurn(turn, `messages[${index}]`);
  });
  return { messages: writer.messages, thinkingOff: writer.thinkingOff };
}

class MessageWriter {
  readonly messages: ChatMessage[] = [];
  thinkingOff = false;
  readonly #dialect: Dialect;
  readonly #context: ConvertContext;
  readonly #breakpoints: boolean;

  constructor(dialect: Dialect, context: ConvertContext) {
    this.#dialect = dialect;
    this.#context = context;
    this.#breakpoints = dialect.name === "openai" && takesBreakpoints(context.model);
  }

  writeSystem(request: ChatRequest): void {
    const blocks = systemBlocks(request);
    const first = blocks[0];
    if (first === undefined) return;
    const role = first.role === "developer" && this.#dialect.developer ? "developer" : "system";
    if (blocks.length === 1 && first.cache === undefined) {
      this.messages.push({ role, content: first.text });
      return;
    }
    // Parts of one message keep the cache markers; servers that know strings only still join them.
    const content = blocks.map((block) => this.#marked({ type: "text", text: block.text }, block.cache));
    const plain = content.every((part) => Object.keys(part).length === 2);
    const partsKnown = this.#dialect.name === "openai" || this.#dialect.cacheControl;
    if (plain && !partsKnown) {
      this.messages.push({ role, content: blocks.map((block) => block.text).join("\n\n") });
    } else {
      this.messages.push({ role, content });
    }
  }

  writeTurn(turn: Turn, path: string): void {
    if (turn.role === "assistant") {
      this.#writeAssistant(turn, path);
      return;
    }
    const results = turn.parts.filter((part) => part.type === "result");
    const images: ChatContentPart[] = [];
    for (const result of results) this.#writeResult(result, images, path);
    const others = turn.parts.filter((part) => part.type !== "result");
    const content = [...images, ...others.map((part) => this.#part(part, path))];
    if (content.length > 0) this.messages.push({ role: turn.role, content: simplify(content) });
  }

  #writeResult(result: ResultPart, images: ChatContentPart[], path: string): void {
    const texts: string[] = [];
    for (const part of result.parts) {
      if (part.type === "image" || (part.type === "document" && part.source.kind !== "text")) {
        texts.push(IMAGE_BELOW);
        images.push(this.#part(part, path));
      } else {
        texts.push(this.#part(part, path).text ?? "");
      }
    }
    const text = texts.join("\n");
    this.messages.push({
      role: "tool",
      tool_call_id: result.callId,
      content: result.isError ? ERROR_MARK + text : text,
    });
  }

  #writeAssistant(turn: Turn, path: string): void {
    const texts: string[] = [];
    const calls: ChatToolCall[] = [];
    let thinking = "";
    for (const part of turn.parts) {
      if (part.type === "text") texts.push(part.text);
      else if (part.type === "refusal") texts.push(part.text);
      else if (part.type === "thinking") thinking += part.text;
      else if (part.type === "call") calls.push(this.#call(part));
      else if (part.type === "opaque" && part.vendor !== "openai") this.#context.warn("vendor_item", path);
      else if (part.type === "document" && documentText(part) !== null) texts.push(documentText(part) ?? "");
      else throw badRequest(`${path} holds a ${part.type} of the assistant`, "unsupported_content", path);
    }
    const message: ChatMessage = { role: "assistant", content: texts.length === 0 ? null : texts.join("") };
    if (calls.length > 0) message.tool_calls = calls;
    if (calls.length === 0 && texts.length === 0) {
      if (thinking === "" || this.#dialect.thinking === "drop") return;
      message.content = "";
    }
    this.#writeThinking(message, thinking);
    this.messages.push(message);
  }

  /** The history's thinking goes back only to servers that ask for it. */
  #writeThinking(message: ChatMessage, thinking: string): void {
    if (this.#dialect.thinking === "drop" || this.#context.dropThinking === true) return;
    if (thinking !== "") message.reasoning_content = thinking;
    else if (message.tool_calls === undefined) return;
    else if (this.#dialect.thinking === "required-or-dot")
      message.reasoning_content = "."; // opencode #10996
    else this.thinkingOff = true; // It refuses "" and "." (hermes-agent #17341, oh-my-pi #897).
  }

  #call(part: CallPart): ChatToolCall {
    const name = upstreamName(part.name, part.namespace, OPENAI_NAMES);
    if (part.kind === "custom" && this.#dialect.customTools) {
      return { id: part.id, type: "custom", custom: { name, input: part.arguments } };
    }
    const large = this.#context.large;
    const text =
      part.kind === "custom"
        ? JSON.stringify({ input: large.expand(part.arguments) })
        : part.arguments || "{}";
    return { id: part.id, type: "function", function: { name, arguments: text } };
  }

  #marked(part: ChatContentPart, cache: CacheMark | undefined): ChatContentPart {
    if (cache === undefined) return part;
    if (this.#dialect.cacheControl) {
      part.cache_control = cache.ttl >= 3600 ? { type: "ephemeral", ttl: "1h" } : { type: "ephemeral" };
    } else if (this.#breakpoints) {
      part.prompt_cache_breakpoint = { mode: "explicit" };
    }
    return part;
  }

  #part(part: Part, path: string): ChatContentPart {
    switch (part.type) {
      case "text":
        return this.#marked({ type: "text", text: part.text }, part.cache);
      case "refusal":
        return { type: "text", text: part.text };
      case "image":
        return this.#marked(this.#image(part, path), part.cache);
      case "audio":
        if (part.format !== "wav" && part.format !== "mp3") {
          throw badRequest(`${path}: audio must be wav or mp3`, "unsupported_content", path);
        }
        return { type: "input_audio", input_audio: { data: part.data, format: part.format } };
      case "document":
        return this.#marked(this.#document(part, path), part.cache);
      default:
        throw badRequest(`${path}: Chat Completions takes no ${part.type} here`, "unsupported_content", path);
    }
  }

  #image(part: Extract<Part, { type: "image" }>, path: string): ChatContentPart {
    const source = part.source;
    // `original` is known to newer servers only (40-protocols 1.2).
    const detail = part.detail === "original" ? "high" : part.detail;
    const detailed = detail === undefined ? {} : { detail };
    if (source.kind === "url") return { type: "image_url", image_url: { url: source.url, ...detailed } };
    if (source.kind === "base64") {
      return { type: "image_url", image_url: { url: writeDataUrl(source.mime, source.data), ...detailed } };
    }
    return this.#file(source, path);
  }

  #document(part: Extract<Part, { type: "document" }>, path: string): ChatContentPart {
    const text = documentText(part);
    if (text !== null) return { type: "text", text };
    const source = part.source;
    if (source.kind === "base64") {
      const file_data = writeDataUrl(source.mime, source.data);
      return { type: "file", file: { filename: part.title ?? "document.pdf", file_data } };
    }
    if (source.kind === "url") {
      throw badRequest(
        `${path}: Chat Completions takes documents by content only, not by URL`,
        "unsupported_content",
        path,
      );
    }
    return this.#file(source, path);
  }

  #file(source: Extract<Part, { type: "image" }>["source"], path: string): ChatContentPart {
    if (source.kind === "file" && source.vendor === "openai")
      return { type: "file", file: { file_id: source.id } };
    const vendor = source.kind === "file" ? source.vendor : "another vendor";
    throw badRequest(`${path}: a file id of ${vendor} means nothing to this target`, "foreign_file", path);
  }
}

/** One text part alone is a string: every server takes that. */
function simplify(content: ChatContentPart[]): string | ChatContentPart[] {
  const only = content[0];
  if (content.length === 1 && only?.type === "text" && Object.keys(only).length === 2) return only.text ?? "";
  return content;
}
