/** Writes a body for an Ollama upstream's `/api/chat`. */
import { badRequest } from "../../base/failure.ts";
import { documentText, plainText } from "../document.ts";
import { effortOf } from "../effort.ts";
import { shapeTurns, systemBlocks } from "../history.ts";
import type { ChatRequest, MediaSource, Part, Turn } from "../neutral.ts";
import type { ConvertContext, EncodedRequest } from "../protocol.ts";
import { customToolSchema, schemaOrEmpty } from "../schema-text.ts";
import { OPENAI_NAMES, registerTool, upstreamName } from "../tool-names.ts";
import { upstreamExtras } from "./types.ts";

type Json = Record<string, unknown>;
type PartOf<T extends Part["type"]> = Extract<Part, { type: T }>;

/** Marks a tool result that was an error: there is no place for it. */
const ERROR_PREFIX = "[tool error] ";

/** Throws Failure (400, param) for what cannot be carried. */
export function encodeRequest(request: ChatRequest, context: ConvertContext): EncodedRequest {
  const turns = shapeTurns(request, {
    merge: false,
    userFirst: false,
    systemMidway: true,
    capability: context.capability,
    warn: context.warn,
  });
  const messages: Json[] = systemBlocks(request).map(({ text }) => ({ role: "system", content: text }));
  turns.forEach((turn, index) => {
    encodeTurn(turn, `messages[${index}]`, messages, context);
  });
  const body: Json = { model: context.model, messages, stream: request.stream };
  encodeTools(body, request, context);
  if (request.format?.kind === "json") body.format = "json";
  else if (request.format?.kind === "schema")
    body.format = context.large.raw(schemaOrEmpty(request.format.schema ?? ""));
  encodeThink(body, request);
  encodeOptions(body, request, context);
  for (const name of context.refused ?? []) {
    if (name !== "model" && name !== "messages") delete body[name];
  }
  return { body: context.large.render(body), emulatedStop: [], headers: [] };
}

/** Images are base64 only. */
export function sourcesToInline(request: ChatRequest): MediaSource[] {
  const found: MediaSource[] = [];
  const look = (parts: readonly Part[]) => {
    for (const part of parts) {
      if (part.type === "image" && part.source.kind === "url") found.push(part.source);
      else if (part.type === "result") look(part.parts);
    }
  };
  for (const turn of request.turns) look(turn.parts);
  return found;
}

function encodeTurn(turn: Turn, path: string, messages: Json[], context: ConvertContext): void {
  if (turn.role === "assistant") {
    messages.push(encodeAssistant(turn, context));
    return;
  }
  const rest: Part[] = [];
  turn.parts.forEach((part, at) => {
    if (part.type === "result") messages.push(encodeResult(part, `${path}.content[${at}]`, context));
    else rest.push(part);
  });
  if (rest.length > 0) messages.push({ role: turn.role, ...encodeParts(rest, path, context) });
}

function encodeAssistant(turn: Turn, context: ConvertContext): Json {
  let thinking = "";
  const calls: Json[] = [];
  for (const part of turn.parts) {
    if (part.type === "thinking" && context.dropThinking !== true) thinking += part.text;
    else if (part.type === "call") calls.push(encodeCall(part, context));
  }
  const message: Json = { role: "assistant", content: plainText(turn.parts) };
  if (thinking !== "") message.thinking = thinking;
  if (calls.length > 0) message.tool_calls = calls;
  return message;
}

/** Arguments must be an object here: free text and what is no object go under `input`. */
function encodeCall(part: PartOf<"call">, context: ConvertContext): Json {
  const { large } = context;
  const object = part.kind === "function" && large.kindOf(part.arguments) === "object";
  const empty = part.kind === "function" && part.arguments.trim() === "";
  return {
    function: {
      name: upstreamName(part.name, part.namespace, OPENAI_NAMES),
      arguments: object ? large.raw(part.arguments) : empty ? {} : { input: part.arguments },
    },
  };
}

function encodeResult(part: PartOf<"result">, path: string, context: ConvertContext): Json {
  const { content, images } = encodeParts(part.parts, path, context);
  return {
    role: "tool",
    content: part.isError ? `${ERROR_PREFIX}${String(content)}` : content,
    ...(images === undefined ? {} : { images }),
    ...(part.name === undefined ? {} : { tool_name: upstreamName(part.name, undefined, OPENAI_NAMES) }),
  };
}

function encodeParts(parts: readonly Part[], path: string, context: ConvertContext): Json {
  const texts: string[] = [];
  const images: string[] = [];
  parts.forEach((part, at) => {
    const where = `${path}.content[${at}]`;
    if (part.type === "text" || part.type === "refusal") texts.push(part.text);
    else if (part.type === "image" && part.source.kind === "base64") images.push(part.source.data);
    else if (part.type === "document") {
      const text = documentText(part);
      if (text === null) throw unsupported(where, "document");
      texts.push(text);
    } else if (part.type === "opaque" || part.type === "thinking") context.warn("item_dropped", where);
    else throw unsupported(where, part.type);
  });
  return { content: texts.join("\n\n"), ...(images.length === 0 ? {} : { images }) };
}

function unsupported(path: string, type: string) {
  return badRequest(`${path}: Ollama takes no ${type} in this form`, "unsupported_input", path);
}

/** Ollama lets the model choose; a narrower choice can only be told by what is offered. */
function encodeTools(body: Json, request: ChatRequest, context: ConvertContext): void {
  const { choice } = request;
  if (choice?.mode === "none") return;
  const tools: Json[] = [];
  const offered = choice?.mode === "one" || choice?.mode === "allowed" ? new Set(choice.names) : null;
  for (const tool of request.tools) {
    if (tool.kind === "hosted" || (tool.kind === "client" && tool.schema === "")) {
      context.warn("hosted_tool", tool.name);
      continue;
    }
    if (offered?.has(tool.name) === false) continue;
    const custom = tool.kind === "custom";
    const name = registerTool(context.names, tool, OPENAI_NAMES, { custom });
    const schema = custom ? customToolSchema(tool.grammar) : schemaOrEmpty(tool.schema);
    const described = tool.description === undefined ? { name } : { name, description: tool.description };
    tools.push({ type: "function", function: { ...described, parameters: context.large.raw(schema) } });
  }
  if (choice !== undefined && choice.mode !== "auto") context.warn("tool_choice", "tool_choice");
  if (choice?.parallel === false) context.warn("parallel_tool_calls", "parallel_tool_calls");
  if (tools.length > 0) body.tools = tools;
}

function encodeThink(body: Json, request: ChatRequest): void {
  const effort = effortOf(request);
  if (effort === "none") body.think = false;
  else if (effort === "low" || effort === "medium" || effort === "high") body.think = effort;
  else if (effort !== undefined) body.think = effort === "minimal" ? "low" : "high";
  else if (request.reasoning.adaptive === true) body.think = true;
}

function encodeOptions(body: Json, request: ChatRequest, context: ConvertContext): void {
  const { sampling } = request;
  if (sampling.n !== undefined && sampling.n > 1)
    throw badRequest("this target gives one answer at a time", "unsupported_parameter", "n");
  const options: Json = {};
  for (const [name, value] of [
    ["num_predict", sampling.max],
    ["temperature", sampling.temperature],
    ["top_p", sampling.topP],
    ["top_k", sampling.topK],
    ["seed", sampling.seed],
    ["stop", sampling.stop?.length === 0 ? undefined : sampling.stop],
    ["presence_penalty", sampling.presence],
    ["frequency_penalty", sampling.frequency],
  ] as const) {
    if (value !== undefined) options[name] = value;
  }
  if (sampling.logitBias !== undefined) context.warn("unsupported_parameter", "logit_bias");
  if (sampling.logprobs === true) context.warn("unsupported_parameter", "logprobs");
  for (const [name, json] of upstreamExtras(request)) {
    if (name.startsWith("options.")) options[name.slice("options.".length)] = context.large.raw(json);
    else body[name] = context.large.raw(json);
  }
  if (Object.keys(options).length > 0) body.options = options;
}
