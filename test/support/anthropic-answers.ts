/** Answers as Anthropic's Messages endpoint gives them, from a small description. */
import { eventStream, jsonAnswer, type StreamOptions, sse, words } from "./answers.ts";
import type { ToolCall } from "./openai-answers.ts";
import type { Play, ReceivedRequest } from "./scripted-upstream.ts";

export interface AnthropicOptions extends StreamOptions {
  readonly text?: string;
  readonly thinking?: string;
  readonly tools?: readonly ToolCall[];
  readonly stream?: boolean | "auto";
  readonly stop?: string;
  readonly id?: string;
  readonly model?: string;
  readonly usage?: { readonly input: number; readonly output: number };
}

/** A script: answers each request in its own mode. */
export function anthropicMessages(options: AnthropicOptions = {}): (request: ReceivedRequest) => Play {
  return (request) => {
    const asked =
      request.body.length === 0
        ? {}
        : (request.json() as { readonly stream?: boolean; readonly model?: string });
    const wanted = options.stream ?? "auto";
    const described = { model: asked.model ?? "claude-test", ...options };
    if (!(wanted === "auto" ? asked.stream === true : wanted))
      return jsonAnswer(anthropicMessage(described), options);
    return eventStream(anthropicEvents(described), options);
  };
}

/** The body of a non-streaming answer. */
export function anthropicMessage(options: AnthropicOptions = {}): Record<string, unknown> {
  return {
    ...frame(options),
    content: blocks(options),
    stop_reason: stopOf(options),
    usage: { input_tokens: options.usage?.input ?? 10, output_tokens: outputOf(options) },
  };
}

/** The events of a streamed answer. */
export function anthropicEvents(options: AnthropicOptions = {}): string[] {
  const usage = { input_tokens: options.usage?.input ?? 10, output_tokens: 1 };
  const message = { ...frame(options), content: [], stop_reason: null, usage };
  const events = [sse({ type: "message_start", message }, "message_start"), sse({ type: "ping" }, "ping")];
  for (const [index, block] of blocks(options).entries()) {
    const put = (delta: Record<string, unknown>) =>
      events.push(sse({ type: "content_block_delta", index, delta }, "content_block_delta"));
    events.push(
      sse({ type: "content_block_start", index, content_block: emptied(block) }, "content_block_start"),
    );
    if (block.type === "text") for (const word of words(block.text)) put({ type: "text_delta", text: word });
    if (block.type === "thinking") {
      for (const word of words(block.thinking)) put({ type: "thinking_delta", thinking: word });
      put({ type: "signature_delta", signature: block.signature });
    }
    if (block.type === "tool_use") {
      const json = JSON.stringify(block.input);
      for (let at = 0; at < json.length; at += 8) {
        put({ type: "input_json_delta", partial_json: json.slice(at, at + 8) });
      }
    }
    events.push(sse({ type: "content_block_stop", index }, "content_block_stop"));
  }
  const delta = { stop_reason: stopOf(options), stop_sequence: null };
  events.push(
    sse({ type: "message_delta", delta, usage: { output_tokens: outputOf(options) } }, "message_delta"),
  );
  events.push(sse({ type: "message_stop" }, "message_stop"));
  return events;
}

type Block =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "thinking"; readonly thinking: string; readonly signature: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; readonly input: unknown };

function blocks(options: AnthropicOptions): Block[] {
  const list: Block[] = [];
  if (options.thinking !== undefined) {
    list.push({ type: "thinking", thinking: options.thinking, signature: "c2lnbmF0dXJl" });
  }
  const text = options.text ?? (options.tools === undefined ? "Hello there!" : undefined);
  if (text !== undefined) list.push({ type: "text", text });
  for (const [i, tool] of (options.tools ?? []).entries()) {
    const input: unknown = JSON.parse(tool.arguments);
    list.push({ type: "tool_use", id: tool.id ?? `toolu_${i}`, name: tool.name, input });
  }
  return list;
}

function emptied(block: Block): unknown {
  if (block.type === "text") return { type: "text", text: "" };
  if (block.type === "thinking") return { type: "thinking", thinking: "", signature: "" };
  return { ...block, input: {} };
}

function frame(options: AnthropicOptions): Record<string, unknown> {
  return {
    id: options.id ?? "msg_1",
    type: "message",
    role: "assistant",
    model: options.model ?? "claude-test",
    stop_sequence: null,
  };
}

function stopOf(options: AnthropicOptions): string {
  return options.stop ?? (options.tools === undefined ? "end_turn" : "tool_use");
}

function outputOf(options: AnthropicOptions): number {
  return options.usage?.output ?? Math.max(1, words(options.text ?? "Hello there!").length);
}
