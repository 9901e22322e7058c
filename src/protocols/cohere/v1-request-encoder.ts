/** Writes a Cohere v1 chat body: the newest user turn is the `message`, the rest its history. */
import { shapeTurns, systemBlocks } from "../history.ts";
import type { ChatRequest, Part, Turn } from "../neutral.ts";
import type { ConvertContext, EncodedRequest } from "../protocol.ts";
import { customToolSchema, schemaOrEmpty } from "../schema-text.ts";
import { COHERE_NAMES, registerTool, upstreamName } from "../tool-names.ts";
import { documentData } from "./documents.ts";
import { schemaToDefinitions } from "./parameter-definitions.ts";
import { hasDocuments, joinTexts, unsupported } from "./request-encoder.ts";
import { encodeSampling } from "./sampling.ts";
import { offeredTools } from "./tools.ts";
import { MAX_STOPS } from "./types.ts";
import { OWN } from "./v1-request-decoder.ts";

type Json = Record<string, unknown>;
type PartOf<T extends Part["type"]> = Extract<Part, { type: T }>;

export function encodeRequest(request: ChatRequest, context: ConvertContext): EncodedRequest {
  const offered = offeredTools(request, context);
  // v1 has no choice: NONE is asked by offering nothing, REQUIRED cannot be asked.
  const tools = offered.choice === "NONE" ? [] : offered.tools;
  if (offered.choice === "REQUIRED") context.warn("forced_tool_choice", "tool_choice");
  const turns = shapeTurns(request, {
    merge: false,
    userFirst: false,
    systemMidway: true,
    capability: context.capability,
    warn: context.warn,
  });
  const body: Json = { model: context.model };
  const system = systemBlocks(request);
  if (system.length > 0) body.preamble = system.map(({ text }) => text).join("\n\n");
  const writer = new HistoryWriter(context);
  Object.assign(body, writer.write(turns));
  if (tools.length > 0) body.tools = tools.map((tool) => encodeTool(tool, context));
  const rag = tools.length > 0 || hasDocuments(turns) || body.tool_results !== undefined;
  encodeFormat(request, rag, body, context);
  encodeSampling(request.sampling, body, context);
  if (request.sampling.logprobs === true) context.warn("unsupported_sampling", "logprobs");
  const { effort, budget } = request.reasoning;
  if ((effort !== undefined && effort !== "none") || budget !== undefined)
    context.warn("unsupported_reasoning", "reasoning_effort");
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

function encodeTool(tool: ChatRequest["tools"][number], context: ConvertContext): Json {
  const custom = tool.kind === "custom";
  const schema = custom ? customToolSchema(tool.grammar) : schemaOrEmpty(tool.schema);
  return {
    name: registerTool(context.names, tool, COHERE_NAMES, { custom }),
    description: tool.description ?? "",
    parameter_definitions: schemaToDefinitions(JSON.parse(context.large.expand(schema))),
  };
}

function encodeFormat(request: ChatRequest, rag: boolean, body: Json, context: ConvertContext): void {
  const { format } = request;
  if (format === undefined || format.kind === "text") return;
  if (rag) context.warn("unsupported_parameter", "response_format");
  else if (format.schema === undefined || format.schema === "")
    body.response_format = { type: "json_object" };
  else body.response_format = { type: "json_object", schema: context.large.raw(format.schema) };
}

class HistoryWriter {
  readonly #context: ConvertContext;
  readonly #documents: Json[] = [];
  /** Call id -> the call as it was written: results repeat it. */
  readonly #calls = new Map<string, Json>();

  constructor(context: ConvertContext) {
    this.#context = context;
  }

  write(turns: readonly Turn[]): Json {
    const entries = turns.flatMap((turn, i) => this.#turn(turn, i));
    const last = entries[entries.length - 1];
    const body: Json = { message: "" };
    if (last?.role === "USER") {
      entries.pop();
      body.message = last.message;
    } else if (last?.role === "TOOL") {
      entries.pop();
      body.tool_results = last.tool_results;
    }
    if (entries.length > 0) body.chat_history = entries;
    if (this.#documents.length > 0) body.documents = this.#documents;
    return body;
  }

  #turn(turn: Turn, index: number): Json[] {
    const path = `messages[${index}]`;
    if (turn.role === "system") return [{ role: "SYSTEM", message: joinTexts(turn.parts) }];
    const results = turn.parts.filter((part) => part.type === "result");
    const entries: Json[] = [];
    if (results.length > 0)
      entries.push({ role: "TOOL", tool_results: results.map((result) => this.#result(result, path)) });
    const message = this.#text(turn, path);
    if (turn.role === "user") {
      if (message !== "" || entries.length === 0)
        entries.push({ role: "USER", message: message || "(empty)" });
      return entries;
    }
    const calls = turn.parts.filter((part) => part.type === "call").map((part) => this.#call(part));
    if (message === "" && calls.length === 0) return [];
    return [
      calls.length === 0 ? { role: "CHATBOT", message } : { role: "CHATBOT", message, tool_calls: calls },
    ];
  }

  #text(turn: Turn, path: string): string {
    const texts: string[] = [];
    for (const [at, part] of turn.parts.entries()) {
      const where = `${path}.content[${at}]`;
      if (part.type === "text" || part.type === "refusal") texts.push(part.text);
      else if (part.type === "document" && part.source.kind === "text")
        this.#documents.push(documentData(part, part.source.text));
      else if (part.type === "image") throw unsupported(where, "images in v1");
      else if (part.type === "audio" || part.type === "video" || part.type === "document")
        throw unsupported(where, `${part.type} input`);
      else if (part.type === "opaque") this.#context.warn("vendor_item", where);
    }
    return texts.join("\n\n");
  }

  #call(part: PartOf<"call">): Json {
    const call = {
      name: upstreamName(part.name, part.namespace, COHERE_NAMES),
      parameters: this.#parameters(part),
    };
    this.#calls.set(part.id, call);
    return call;
  }

  /** An object is wanted here: anything else goes under `input`. */
  #parameters(part: PartOf<"call">): unknown {
    const { large } = this.#context;
    if (part.kind === "custom") return { input: part.arguments };
    if (part.arguments.trim() === "") return {};
    return large.kindOf(part.arguments) === "object" ? large.raw(part.arguments) : { input: part.arguments };
  }

  #result(part: PartOf<"result">, path: string): Json {
    const texts: string[] = [];
    for (const inner of part.parts) {
      if (inner.type === "text") texts.push(inner.text);
      else if (inner.type === "document" && inner.source.kind === "text") texts.push(inner.source.text);
      else this.#context.warn("image_dropped", path);
    }
    const call = this.#calls.get(part.callId) ?? { name: part.name ?? "unknown", parameters: {} };
    return { call, outputs: [this.#output(texts, part.isError)] };
  }

  #output(texts: readonly string[], isError: boolean): unknown {
    const { large } = this.#context;
    const text = texts.length === 1 ? (texts[0] ?? "") : texts.join("\n\n");
    if (isError) return { error: text };
    if (large.has(text) || !text.trimStart().startsWith("{")) return { output: text };
    return large.kindOf(text) === "object" ? large.raw(text) : { output: text };
  }
}
