/** Answers as OpenAI's Responses API gives them, from a small description. */
import { eventStream, jsonAnswer, type StreamOptions, sse, words } from "./answers.ts";
import type { ToolCall } from "./openai-answers.ts";
import type { Play, ReceivedRequest } from "./scripted-upstream.ts";

export interface ResponsesOptions extends StreamOptions {
  readonly id?: string;
  readonly text?: string;
  readonly tools?: readonly ToolCall[];
  readonly model?: string;
  readonly usage?: { readonly input: number; readonly output: number };
}

type Item = Readonly<Record<string, unknown>> & { readonly id: string };

/** A script: answers each request in its own mode. */
export function responses(options: ResponsesOptions = {}): (request: ReceivedRequest) => Play {
  return (request) => {
    const asked = request.body.length === 0 ? {} : (request.json() as { stream?: boolean; model?: string });
    const described = { model: asked.model ?? "gpt-test", ...options };
    return asked.stream === true
      ? eventStream(responsesEvents(described), options)
      : jsonAnswer(responsesAnswer(described), options);
  };
}

/** The body of a non-streaming answer. */
export function responsesAnswer(options: ResponsesOptions = {}): Record<string, unknown> {
  const usage = options.usage ?? { input: 10, output: 2 };
  return {
    ...frame(options, "completed", items(options)),
    usage: {
      input_tokens: usage.input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: usage.output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.input + usage.output,
    },
  };
}

/** The events of a streamed answer. */
export function responsesEvents(options: ResponsesOptions = {}): string[] {
  const events: string[] = [];
  const put = (type: string, more: object) =>
    events.push(sse({ type, sequence_number: events.length, ...more }, type));
  put("response.created", { response: frame(options, "in_progress", []) });
  put("response.in_progress", { response: frame(options, "in_progress", []) });
  for (const [output_index, item] of items(options).entries()) {
    if (item["type"] === "message") putMessage(put, output_index, item, options.text ?? "Hello there!");
    else putCall(put, output_index, item);
  }
  put("response.completed", { response: responsesAnswer(options) });
  return events;
}

type Put = (type: string, more: object) => void;

function putMessage(put: Put, output_index: number, item: Item, text: string): void {
  const at = { item_id: item.id, output_index, content_index: 0 };
  put("response.output_item.added", { output_index, item: { ...item, status: "in_progress", content: [] } });
  put("response.content_part.added", {
    ...at,
    part: { type: "output_text", text: "", annotations: [], logprobs: [] },
  });
  for (const delta of words(text)) put("response.output_text.delta", { ...at, delta, logprobs: [] });
  put("response.output_text.done", { ...at, text, logprobs: [] });
  put("response.content_part.done", {
    ...at,
    part: { type: "output_text", text, annotations: [], logprobs: [] },
  });
  put("response.output_item.done", { output_index, item });
}

function putCall(put: Put, output_index: number, item: Item): void {
  const text = String(item["arguments"]);
  const at = { item_id: item.id, output_index };
  put("response.output_item.added", {
    output_index,
    item: { ...item, status: "in_progress", arguments: "" },
  });
  for (let start = 0; start < text.length; start += 8) {
    put("response.function_call_arguments.delta", { ...at, delta: text.slice(start, start + 8) });
  }
  put("response.function_call_arguments.done", { ...at, name: item["name"], arguments: text });
  put("response.output_item.done", { output_index, item });
}

function frame(options: ResponsesOptions, status: string, output: readonly Item[]): Record<string, unknown> {
  return {
    id: options.id ?? "resp_1",
    object: "response",
    created_at: 1_760_000_000,
    status,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    model: options.model ?? "gpt-test",
    output,
    parallel_tool_calls: true,
    temperature: 1,
    tool_choice: "auto",
    tools: [],
    top_p: 1,
  };
}

function items(options: ResponsesOptions): Item[] {
  const list: Item[] = [];
  const text = options.text ?? (options.tools === undefined ? "Hello there!" : undefined);
  if (text !== undefined) {
    const content = [{ type: "output_text", text, annotations: [], logprobs: [] }];
    list.push({ type: "message", id: "msg_1", role: "assistant", status: "completed", content });
  }
  for (const [index, tool] of (options.tools ?? []).entries()) {
    list.push({
      type: "function_call",
      id: `fc_${index}`,
      call_id: tool.id ?? `call_${index}`,
      name: tool.name,
      arguments: tool.arguments,
      status: "completed",
    });
  }
  return list;
}
