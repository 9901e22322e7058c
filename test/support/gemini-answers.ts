/** Answers as Gemini's generateContent and streamGenerateContent give them, from a small description. */
import { eventStream, jsonAnswer, type StreamOptions, sse, words } from "./answers.ts";
import type { ToolCall } from "./openai-answers.ts";
import type { Play, ReceivedRequest } from "./scripted-upstream.ts";

export interface GeminiOptions extends StreamOptions {
  readonly text?: string;
  readonly thought?: string;
  readonly tools?: readonly ToolCall[];
  readonly finish?: string;
  readonly model?: string;
  readonly usage?: { readonly prompt: number; readonly candidates: number };
}

/** A script: server-sent events for `alt=sse`, a JSON array for a plain stream, else one object. */
export function gemini(options: GeminiOptions = {}): (request: ReceivedRequest) => Play {
  return (request) => {
    if (!request.path.includes(":streamGenerateContent")) return jsonAnswer(geminiContent(options), options);
    const parts = geminiParts(options);
    if (request.path.includes("alt=sse"))
      return eventStream(
        parts.map((part) => sse(part)),
        options,
      );
    return jsonAnswer(parts, options);
  };
}

/** The body of a non-streaming answer. */
export function geminiContent(options: GeminiOptions = {}): Record<string, unknown> {
  return frame(options, allParts(options), true);
}

/** The objects of a streamed answer. */
export function geminiParts(options: GeminiOptions = {}): Record<string, unknown>[] {
  const pieces = allParts(options).flatMap((part) =>
    typeof part["text"] === "string" ? words(part["text"]).map((text) => ({ ...part, text })) : [part],
  );
  return pieces.map((part, i) => frame(options, [part], i === pieces.length - 1));
}

function allParts(options: GeminiOptions): Record<string, unknown>[] {
  const parts: Record<string, unknown>[] = [];
  if (options.thought !== undefined) parts.push({ text: options.thought, thought: true });
  const text = options.text ?? (options.tools === undefined ? "Hello there!" : undefined);
  if (text !== undefined) parts.push({ text });
  for (const tool of options.tools ?? []) {
    parts.push({ functionCall: { name: tool.name, args: JSON.parse(tool.arguments) as unknown } });
  }
  return parts;
}

function frame(options: GeminiOptions, parts: readonly unknown[], last: boolean): Record<string, unknown> {
  const prompt = options.usage?.prompt ?? 10;
  const candidates = options.usage?.candidates ?? 2;
  const finish = last ? { finishReason: options.finish ?? "STOP" } : {};
  return {
    candidates: [{ content: { parts, role: "model" }, ...finish, index: 0 }],
    usageMetadata: {
      promptTokenCount: prompt,
      candidatesTokenCount: candidates,
      totalTokenCount: prompt + candidates,
    },
    modelVersion: options.model ?? "gemini-test",
    responseId: "resp-1",
  };
}
