/** Answers as OpenAI's Chat Completions and Responses endpoints give them, from a small description. */
import { eventStream, jsonAnswer, type StreamOptions, sse, words } from "./answers.ts";
import type { Play, ReceivedRequest } from "./scripted-upstream.ts";

export interface ToolCall {
  readonly id?: string;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

export interface OpenAiChatOptions extends StreamOptions {
  readonly text?: string;
  /** "auto" (default): a stream when the request asks for one. */
  readonly stream?: boolean | "auto";
  readonly tools?: readonly ToolCall[];
  readonly reasoning?: string;
  readonly finish?: string;
  readonly id?: string;
  readonly model?: string;
  /** Default: counted in words. `false`: none, whatever was asked. */
  readonly usage?: { readonly prompt: number; readonly completion: number; readonly cached?: number } | false;
  /** Leave `[DONE]` or the finish reason away. */
  readonly done?: boolean;
  readonly finishChunk?: boolean;
}

/** A script: answers each request in its own mode, streams word by word. */
export function openaiChat(options: OpenAiChatOptions = {}): (request: ReceivedRequest) => Play {
  return (request) => {
    const asked = request.body.length === 0 ? {} : (request.json() as OpenAiAsked);
    const wanted = options.stream ?? "auto";
    const stream = wanted === "auto" ? asked.stream === true : wanted;
    const described = { model: asked.model ?? "gpt-test", ...options };
    if (!stream) return jsonAnswer(openaiCompletion(described), options);
    const usage = asked.stream_options?.include_usage === true;
    return eventStream(openaiChatEvents(described, usage), options);
  };
}

interface OpenAiAsked {
  readonly stream?: boolean;
  readonly model?: string;
  readonly stream_options?: { readonly include_usage?: boolean };
}

/** The body of a non-streaming answer. */
export function openaiCompletion(options: OpenAiChatOptions = {}): Record<string, unknown> {
  const text = options.text ?? (options.tools === undefined ? "Hello there!" : null);
  const message: Record<string, unknown> = { role: "assistant", content: text, refusal: null };
  if (options.reasoning !== undefined) message["reasoning_content"] = options.reasoning;
  if (options.tools !== undefined) {
    message["tool_calls"] = options.tools.map((tool, i) => ({
      id: tool.id ?? `call_${i}`,
      type: "function",
      function: { name: tool.name, arguments: tool.arguments },
    }));
  }
  const finish_reason = options.finish ?? (options.tools === undefined ? "stop" : "tool_calls");
  return {
    id: options.id ?? "chatcmpl-1",
    object: "chat.completion",
    created: 1_760_000_000,
    model: options.model ?? "gpt-test",
    choices: [{ index: 0, message, logprobs: null, finish_reason }],
    ...(options.usage === false ? {} : { usage: usageOf(options) }),
  };
}

/** The events of a streamed answer, terminator included. */
export function openaiChatEvents(options: OpenAiChatOptions = {}, withUsage = true): string[] {
  const base = {
    id: options.id ?? "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1_760_000_000,
    model: options.model ?? "gpt-test",
  };
  const events: string[] = [];
  const delta = (value: Record<string, unknown>, finish: string | null = null) =>
    events.push(
      sse({ ...base, choices: [{ index: 0, delta: value, logprobs: null, finish_reason: finish }] }),
    );
  delta({ role: "assistant", content: "" });
  for (const word of words(options.reasoning ?? "")) delta({ reasoning_content: word });
  for (const word of words(options.text ?? (options.tools === undefined ? "Hello there!" : ""))) {
    delta({ content: word });
  }
  for (const [index, tool] of (options.tools ?? []).entries()) {
    const id = tool.id ?? `call_${index}`;
    delta({ tool_calls: [{ index, id, type: "function", function: { name: tool.name, arguments: "" } }] });
    for (let at = 0; at < tool.arguments.length; at += 8) {
      delta({ tool_calls: [{ index, function: { arguments: tool.arguments.slice(at, at + 8) } }] });
    }
  }
  if (options.finishChunk !== false) {
    delta({}, options.finish ?? (options.tools === undefined ? "stop" : "tool_calls"));
  }
  if (withUsage && options.usage !== false)
    events.push(sse({ ...base, choices: [], usage: usageOf(options) }));
  if (options.done !== false) events.push(sse("[DONE]"));
  return events;
}

export interface OpenAiErrorOptions {
  readonly message?: string;
  readonly type?: string;
  readonly code?: string | null;
  readonly param?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly delayMs?: number;
}

/** An error answer in OpenAI's shape. */
export function openaiError(status: number, options: OpenAiErrorOptions = {}): Play {
  const error = {
    message: options.message ?? `scripted error ${status}`,
    type:
      options.type ??
      (status === 429 ? "rate_limit_error" : status < 500 ? "invalid_request_error" : "server_error"),
    param: options.param ?? null,
    code: options.code ?? null,
  };
  return jsonAnswer(
    { error },
    {
      status,
      ...(options.headers === undefined ? {} : { headers: options.headers }),
      ...(options.delayMs === undefined ? {} : { delayMs: options.delayMs }),
    },
  );
}

function usageOf(options: OpenAiChatOptions): Record<string, unknown> {
  const given = options.usage === false ? undefined : options.usage;
  const prompt = given?.prompt ?? 10;
  const completion = given?.completion ?? Math.max(1, words(options.text ?? "Hello there!").length);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: given?.cached ?? 0 },
  };
}
