/** Reads a Cohere v1 client's chat body: one `message` behind a `chat_history`, calls without ids. */
import { badRequest } from "../../base/failure.ts";
import { fitCallId, type IdRule } from "../call-ids.ts";
import {
  isObject,
  type JsonObject,
  listOf,
  readBody,
  readBoolean,
  readList,
  readObject,
  readString,
  requireObject,
  requireString,
} from "../json-value.ts";
import type { ChatRequest, Part, Tool } from "../neutral.ts";
import type { DecodeContext } from "../protocol.ts";
import { readOwn, readSafety } from "./own-members.ts";
import { definitionsToSchema } from "./parameter-definitions.ts";
import { addDocuments, decodeFormat } from "./request-decoder.ts";
import { decodeSampling } from "./sampling.ts";

type Call = Extract<Part, { type: "call" }>;

/** Members that only Cohere's v1 knows; kept for a target of the same kind. */
export const OWN = ["citation_quality", "prompt_truncation", "max_input_tokens"];
const MADE: IdRule = { maxLength: 0, pattern: null };

export function decodeRequest(doc: unknown, context: DecodeContext): ChatRequest {
  const body = readBody(doc);
  refuseState(body);
  const request: ChatRequest = {
    model: readString(body, "model") ?? "",
    stream: readBoolean(body, "stream") ?? false,
    system: [],
    turns: new HistoryReader(context).read(body),
    tools: decodeTools(body),
    sampling: decodeSampling(body),
    reasoning: {},
    includeUsage: true,
    ext: readOwn(body, OWN, context),
  };
  // The leading SYSTEM messages of the history are instructions like the preamble.
  const preamble = readString(body, "preamble");
  if (preamble !== undefined && preamble !== "") request.system.push({ text: preamble, role: "system" });
  while (request.turns[0]?.role === "system") {
    for (const part of request.turns.shift()?.parts ?? []) {
      if (part.type === "text") request.system.push({ text: part.text, role: "system" });
    }
  }
  addDocuments(readList(body, "documents") ?? [], request, context);
  if ((readList(body, "connectors") ?? []).length > 0) context.warn("hosted_tool", "connectors");
  const format = decodeFormat(body, "schema", context);
  if (format !== undefined) request.format = format;
  readSafety(body, request);
  return request;
}

function refuseState(body: JsonObject): void {
  if (typeof body.conversation_id === "string" && body.conversation_id !== "")
    throw badRequest(
      "conversation_id names a conversation that only Cohere holds; send chat_history",
      "unsupported_parameter",
      "conversation_id",
    );
  for (const name of ["search_queries_only", "raw_prompting"]) {
    if (readBoolean(body, name) === true)
      throw badRequest(
        `${name} is Cohere's own; no target of this request has it`,
        "unsupported_parameter",
        name,
      );
  }
}

/** Rebuilds turns; calls get ids made of their place, results find them by order of name and parameters. */
class HistoryReader {
  readonly #context: DecodeContext;
  readonly #turns: ChatRequest["turns"] = [];
  #open: Call[] = [];
  #calls = 0;

  constructor(context: DecodeContext) {
    this.#context = context;
  }

  read(body: JsonObject): ChatRequest["turns"] {
    const history = readList(body, "chat_history") ?? [];
    for (let i = 0; i < history.length; i++) {
      const path = `chat_history[${i}]`;
      this.#entry(requireObject(history[i], path), path);
    }
    const results = readList(body, "tool_results") ?? [];
    if (results.length > 0) this.#turns.push({ role: "user", parts: this.#results(results, "tool_results") });
    const message = readString(body, "message") ?? "";
    if (message !== "" || results.length === 0) this.#message(message, results.length > 0);
    return this.#turns;
  }

  /** In v1's older form the question is repeated beside the results it led to: it is asked once. */
  #message(message: string, hasResults: boolean): void {
    const asked = this.#turns.some(
      (turn) =>
        turn.role === "user" && turn.parts.some((part) => part.type === "text" && part.text === message),
    );
    if (hasResults && asked) return;
    this.#turns.push({ role: "user", parts: [{ type: "text", text: message }] });
  }

  #entry(entry: JsonObject, path: string): void {
    const role = requireString(entry, "role", path).toUpperCase();
    const text = readString(entry, "message", path) ?? "";
    switch (role) {
      case "SYSTEM":
        this.#turns.push({ role: "system", parts: [{ type: "text", text }] });
        return;
      case "USER":
        this.#turns.push({ role: "user", parts: [{ type: "text", text }] });
        return;
      case "CHATBOT": {
        const parts: Part[] = text === "" ? [] : [{ type: "text", text }];
        const calls = readList(entry, "tool_calls", path) ?? [];
        if (calls.length > 0) this.#open = [];
        for (let i = 0; i < calls.length; i++) parts.push(this.#call(calls[i], `${path}.tool_calls[${i}]`));
        this.#turns.push({ role: "assistant", parts });
        return;
      }
      case "TOOL":
        this.#turns.push({
          role: "user",
          parts: this.#results(readList(entry, "tool_results", path) ?? [], `${path}.tool_results`),
        });
        return;
      default:
        throw badRequest(
          `${path}.role must be USER, CHATBOT, SYSTEM or TOOL`,
          "invalid_request",
          `${path}.role`,
        );
    }
  }

  #call(value: unknown, path: string): Call {
    const call = requireObject(value, path);
    const name = requireString(call, "name", path);
    const part: Call = {
      type: "call",
      id: fitCallId(`${this.#calls++}:${name}`, MADE),
      name,
      arguments: this.#context.large.jsonText(call.parameters) || "{}",
      kind: "function",
    };
    this.#open.push(part);
    return part;
  }

  #results(results: readonly unknown[], path: string): Part[] {
    return results.map((value, i): Part => {
      const where = `${path}[${i}]`;
      const result = requireObject(value, where);
      const call = readObject(result, "call", where) ?? {};
      const name = requireString(call, "name", `${where}.call`);
      const { text, isError } = readOutputs(this.#context.large.jsonText(result.outputs));
      return {
        type: "result",
        callId: this.#take(name, this.#context.large.jsonText(call.parameters) || "{}"),
        name,
        isError,
        parts: text === "" ? [] : [{ type: "text", text }],
      };
    });
  }

  /** The unanswered call of that name with the same parameters, else the oldest of that name. */
  #take(name: string, parameters: string): string {
    const same = (call: Call) => call.name === name && call.arguments === parameters;
    let at = this.#open.findIndex(same);
    if (at < 0) at = this.#open.findIndex((call) => call.name === name);
    const [call] = at < 0 ? [] : this.#open.splice(at, 1);
    return call?.id ?? fitCallId(`?:${name}`, MADE);
  }
}

/** A list of one object stands for the object; `{output}` and `{error}` alone for their text. */
function readOutputs(json: string): { text: string; isError: boolean } {
  if (json === "" || !json.startsWith("[")) return { text: json, isError: false };
  const outputs: unknown[] = listOf(JSON.parse(json)) as unknown[];
  const only = outputs.length === 1 ? outputs[0] : undefined;
  if (typeof only === "string") return { text: only, isError: false };
  if (!isObject(only)) return { text: outputs.length === 0 ? "" : json, isError: false };
  const entries = Object.entries(only);
  const [name, value] = entries.length === 1 ? (entries[0] ?? []) : [];
  if (name === "error" && typeof value === "string") return { text: value, isError: true };
  if ((name === "output" || name === "text") && typeof value === "string")
    return { text: value, isError: false };
  return { text: JSON.stringify(only), isError: false };
}

function decodeTools(body: JsonObject): Tool[] {
  return (readList(body, "tools") ?? []).map((value, i) => {
    const path = `tools[${i}]`;
    const entry = requireObject(value, path);
    const tool: Tool = {
      name: requireString(entry, "name", path),
      kind: "function",
      schema: definitionsToSchema(entry.parameter_definitions),
    };
    const description = readString(entry, "description", path);
    if (description !== undefined) tool.description = description;
    return tool;
  });
}
