/** Writes a Cohere v2 chat body. */
import { badRequest } from "../../base/failure.ts";
import { appendToNewestUserTurn, shapeTurns, systemBlocks } from "../history.ts";
import type { ChatRequest, Effort, Part, Turn } from "../neutral.ts";
import type { ConvertContext, EncodedRequest } from "../protocol.ts";
import { COHERE_NAMES, upstreamName } from "../tool-names.ts";
import { documentData } from "./documents.ts";
import { OWN } from "./request-decoder.ts";
import { encodeSampling } from "./sampling.ts";
import { encodeTools, offeredTools } from "./tools.ts";
import { MAX_STOPS } from "./types.ts";

type Json = Record<string, unknown>;
type PartOf<T extends Part["type"]> = Extract<Part, { type: T }>;

const JSON_HINT = "Reply with one JSON object only.";
const ERROR_PREFIX = "[tool error] ";

export function encodeRequest(request: ChatRequest, context: ConvertContext): EncodedRequest {
  const offered = offeredTools(request, context);
  const shaped = shapeTurns(request, {
    merge: false,
    userFirst: false,
    systemMidway: true,
    capability: context.capability,
    warn: context.warn,
  });
  const encoder = new MessageEncoder(context);
  const body: Json = { model: context.model };
  const system = systemBlocks(request).map(({ text }) => ({ role: "system", content: text }));
  const rag = offered.tools.length > 0 || hasDocuments(shaped);
  const format = encodeFormat(request, rag, context);
  const turns = wantsHint(request, format) ? appendToNewestUserTurn(shaped, JSON_HINT) : shaped;
  body.messages = [...system, ...turns.flatMap((turn, i) => encoder.turn(turn, i))];
  if (encoder.documents.length > 0) body.documents = encoder.documents;
  if (offered.tools.length > 0) {
    body.tools = encodeTools(offered.tools, context);
    if (offered.tools.every((tool) => tool.strict === true)) body.strict_tools = true;
    if (offered.choice !== null) body.tool_choice = offered.choice;
  }
  if (format !== null) body.response_format = format;
  encodeSampling(request.sampling, body, context);
  if (request.sampling.logprobs === true) body.logprobs = true;
  const thinking = encodeThinking(request);
  if (thinking !== null) body.thinking = thinking;
  // Cohere refuses it beside tools and documents.
  if (request.safety?.vendor === "cohere" && !rag) body.safety_mode = context.large.raw(request.safety.raw);
  for (const [name, json] of Object.entries(request.ext.cohere ?? {})) {
    if (OWN.includes(name)) body[name] = context.large.raw(json);
  }
  for (const name of context.refused ?? []) delete body[name];
  if (request.stream) body.stream = true;
  return {
    body: context.large.render(body),
    emulatedStop: (request.sampling.stop ?? []).slice(MAX_STOPS),
    headers: [],
  };
}

export function hasDocuments(turns: readonly Turn[]): boolean {
  return turns.some(
    (turn) =>
      turn.role === "user" &&
      turn.parts.some((part) => part.type === "document" && part.source.kind === "text"),
  );
}

/** LangChain sends a format together with tools, which Cohere refuses (40-protocols 1.5). */
function encodeFormat(request: ChatRequest, rag: boolean, context: ConvertContext): Json | null {
  const { format } = request;
  if (format === undefined || format.kind === "text") return null;
  if (rag) {
    context.warn("unsupported_parameter", "response_format");
    return null;
  }
  if (format.schema === undefined || format.schema === "") return { type: "json_object" };
  return { type: "json_object", json_schema: context.large.raw(format.schema) };
}

/** Without a schema the prompt itself must ask for JSON, else the model may never end. */
function wantsHint(request: ChatRequest, format: Json | null): boolean {
  if (format === null || format.json_schema !== undefined) return false;
  const texts = [
    ...request.system.map(({ text }) => text),
    ...request.turns.flatMap((turn) => turn.parts.map((part) => (part.type === "text" ? part.text : ""))),
  ];
  return !texts.some((text) => /json/i.test(text));
}

const BUDGETS: Readonly<Record<Exclude<Effort, "none">, number>> = {
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 16384,
  xhigh: 32000,
  max: 32000,
};

function encodeThinking(request: ChatRequest): Json | null {
  const { effort, budget } = request.reasoning;
  if (effort === "none" || (effort === undefined && budget !== undefined && budget <= 0))
    return { type: "disabled" };
  const tokens = effort === undefined ? budget : BUDGETS[effort];
  return tokens === undefined ? null : { type: "enabled", token_budget: Math.round(tokens) };
}

class MessageEncoder {
  /** Text documents of all turns: Cohere has one list a request. */
  readonly documents: Json[] = [];
  readonly #context: ConvertContext;

  constructor(context: ConvertContext) {
    this.#context = context;
  }

  turn(turn: Turn, index: number): Json[] {
    if (turn.role === "system") return [{ role: "system", content: joinTexts(turn.parts) }];
    return turn.role === "assistant" ? this.#assistant(turn, index) : this.#user(turn, index);
  }

  #user(turn: Turn, index: number): Json[] {
    const messages: Json[] = [];
    const content: Json[] = [];
    for (const [at, part] of turn.parts.entries()) {
      const path = `messages[${index}].content[${at}]`;
      if (part.type === "result") messages.push(this.#result(part, path));
      else {
        const json = this.#part(part, path);
        if (json !== null) content.push(json);
      }
    }
    if (content.length > 0) messages.push({ role: "user", content: plain(content) });
    else if (messages.length === 0) messages.push({ role: "user", content: "(empty)" });
    return messages;
  }

  #assistant(turn: Turn, index: number): Json[] {
    const thoughts: string[] = [];
    let content: Json[] = [];
    const calls: Json[] = [];
    for (const [at, part] of turn.parts.entries()) {
      if (part.type === "thinking") {
        if (part.text !== "" && this.#context.dropThinking !== true) thoughts.push(part.text);
      } else if (part.type === "call") calls.push(this.#call(part));
      else if (part.type === "image")
        throw unsupported(`messages[${index}].content[${at}]`, "pictures in an answer");
      else {
        const json = this.#part(part, `messages[${index}].content[${at}]`);
        if (json !== null) content.push(json);
      }
    }
    const message: Json = { role: "assistant" };
    if (calls.length > 0) {
      message.tool_calls = calls;
      if (thoughts.length > 0) message.tool_plan = thoughts.join("\n\n");
    } else if (thoughts.length > 0) {
      content = [...thoughts.map((thinking) => ({ type: "thinking", thinking })), ...content];
    }
    if (content.length > 0) message.content = plain(content);
    // Thoughts of another vendor alone may leave nothing to send.
    return calls.length > 0 || content.length > 0 ? [message] : [];
  }

  #call(part: PartOf<"call">): Json {
    const text =
      part.kind === "custom"
        ? JSON.stringify({ input: this.#context.large.expand(part.arguments) })
        : part.arguments;
    return {
      id: part.id,
      type: "function",
      function: {
        name: upstreamName(part.name, part.namespace, COHERE_NAMES),
        // A call's text is a string here; a placeholder for JSON text is written as one.
        arguments: text.trim() === "" ? "{}" : text,
      },
    };
  }

  #result(part: PartOf<"result">, path: string): Json {
    const content: Json[] = [];
    for (const [at, inner] of part.parts.entries()) {
      const where = `${path}.content[${at}]`;
      if (inner.type === "image" || inner.type === "audio" || inner.type === "video") {
        this.#context.warn("image_dropped", where);
        continue;
      }
      if (inner.type === "document" && inner.source.kind === "text") {
        content.push({ type: "document", document: { data: documentData(inner, inner.source.text) } });
        continue;
      }
      const json = this.#part(inner, where);
      if (json !== null) content.push(json);
    }
    if (part.isError) {
      const first = content.find((block) => block.type === "text");
      if (first === undefined) content.unshift({ type: "text", text: ERROR_PREFIX.trim() });
      else first.text = `${ERROR_PREFIX}${String(first.text)}`;
    }
    return { role: "tool", tool_call_id: part.callId, content: content.length === 0 ? "" : plain(content) };
  }

  #part(part: Part, path: string): Json | null {
    switch (part.type) {
      case "text":
      case "refusal":
        return part.text === "" ? null : { type: "text", text: part.text };
      case "image":
        return { type: "image_url", image_url: imageUrl(part, path) };
      case "document":
        if (part.source.kind !== "text") throw unsupported(path, "documents other than text");
        this.documents.push({ data: documentData(part, part.source.text) });
        return null;
      case "audio":
      case "video":
        throw unsupported(path, `${part.type} input`);
      case "opaque":
        this.#context.warn("vendor_item", path);
        return null;
      default:
        return null;
    }
  }
}

/** A single text is a string, which every Cohere model takes. */
function plain(content: readonly Json[]): unknown {
  const only = content.length === 1 ? content[0] : undefined;
  return only?.type === "text" ? only.text : content;
}

export function joinTexts(parts: readonly Part[]): string {
  return parts
    .filter((part) => part.type === "text")
    .map((part) => part.text)
    .join("\n\n");
}

export function unsupported(path: string, what: string): Error {
  return badRequest(`${path}: Cohere takes no ${what}`, "unsupported_parameter", path);
}

function imageUrl(part: PartOf<"image">, path: string): Json {
  const { source } = part;
  if (source.kind === "file" || source.kind === "text") throw unsupported(path, "files of another vendor");
  const url = source.kind === "url" ? source.url : `data:${source.mime};base64,${source.data}`;
  if (part.detail === undefined) return { url };
  return { url, detail: part.detail === "original" ? "high" : part.detail };
}
