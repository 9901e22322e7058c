/** Answers as Cohere's v2 chat endpoint gives them, from a small description. */
import { eventStream, jsonAnswer, type StreamOptions, sse, words } from "./answers.ts";
import type { ToolCall } from "./openai-answers.ts";
import type { Play, ReceivedRequest } from "./scripted-upstream.ts";

export interface CohereOptions extends StreamOptions {
  readonly text?: string;
  readonly tools?: readonly ToolCall[];
  readonly stream?: boolean | "auto";
  readonly finish?: string;
  readonly id?: string;
  readonly usage?: { readonly input: number; readonly output: number };
}

/** A script: answers each request in its own mode. */
export function cohereChat(options: CohereOptions = {}): (request: ReceivedRequest) => Play {
  return (request) => {
    const asked = request.body.length === 0 ? {} : (request.json() as { readonly stream?: boolean });
    const wanted = options.stream ?? "auto";
    if (!(wanted === "auto" ? asked.stream === true : wanted))
      return jsonAnswer(cohereMessage(options), options);
    return eventStream(cohereEvents(options), options);
  };
}

/** The body of a non-streaming answer. */
export function cohereMessage(options: CohereOptions = {}): Record<string, unknown> {
  const message: Record<string, unknown> = { role: "assistant" };
  if (options.tools === undefined) message["content"] = [{ type: "text", text: textOf(options) }];
  else message["tool_calls"] = options.tools.map(toolCall);
  return { id: options.id ?? "co-1", message, finish_reason: finishOf(options), usage: usageOf(options) };
}

/** The events of a streamed answer. */
export function cohereEvents(options: CohereOptions = {}): string[] {
  const events: string[] = [];
  const put = (value: { readonly type: string } & Record<string, unknown>) =>
    events.push(sse(value, value.type));
  const empty = { role: "assistant", content: [], tool_plan: "", tool_calls: [], citations: [] };
  put({ type: "message-start", id: options.id ?? "co-1", delta: { message: empty } });
  if (options.tools === undefined) {
    put({ type: "content-start", index: 0, delta: { message: { content: { type: "text", text: "" } } } });
    for (const text of words(textOf(options))) {
      put({ type: "content-delta", index: 0, delta: { message: { content: { text } } } });
    }
    put({ type: "content-end", index: 0 });
  }
  for (const [index, tool] of (options.tools ?? []).entries()) {
    const call = toolCall(tool, index);
    const opened = { ...call, function: { ...call.function, arguments: "" } };
    put({ type: "tool-call-start", index, delta: { message: { tool_calls: opened } } });
    for (let at = 0; at < tool.arguments.length; at += 8) {
      const piece = { function: { arguments: tool.arguments.slice(at, at + 8) } };
      put({ type: "tool-call-delta", index, delta: { message: { tool_calls: piece } } });
    }
    put({ type: "tool-call-end", index });
  }
  put({ type: "message-end", delta: { finish_reason: finishOf(options), usage: usageOf(options) } });
  return events;
}

function toolCall(tool: ToolCall, i: number) {
  const named = { name: tool.name, arguments: tool.arguments };
  return { id: tool.id ?? `tool_${i}`, type: "function", function: named };
}

function textOf(options: CohereOptions): string {
  return options.text ?? "Hello there!";
}

function finishOf(options: CohereOptions): string {
  return options.finish ?? (options.tools === undefined ? "COMPLETE" : "TOOL_CALL");
}

function usageOf(options: CohereOptions): Record<string, unknown> {
  const tokens = {
    input_tokens: options.usage?.input ?? 10,
    output_tokens: options.usage?.output ?? words(textOf(options)).length,
  };
  return { billed_units: tokens, tokens };
}
