/** Words and figures of Ollama's own API: usage, finish, dates, and which of its two endpoints was asked. */
import type { JsonObject } from "../json-value.ts";
import type { ChatRequest, Stop, Usage } from "../neutral.ts";
import { isEmptyUsage, NO_USAGE, tokenCount } from "../usage.ts";

/** `/api/chat` answers in `message`, `/api/generate` in `response`. Kept in `ext.ollama`, which only Ollama's own side reads. */
export type Endpoint = "chat" | "generate";

const ENDPOINT = "endpoint";

export function markGenerate(ext: Record<string, string>): void {
  ext[ENDPOINT] = '"generate"';
}

export function endpointOf(request: ChatRequest): Endpoint {
  return request.ext.ollama?.[ENDPOINT] === '"generate"' ? "generate" : "chat";
}

/** Members of `ext.ollama` that go to an Ollama upstream: `keep_alive`, and `options.x` by their full name. */
export function upstreamExtras(request: ChatRequest): [name: string, json: string][] {
  return Object.entries(request.ext.ollama ?? {}).filter(([name]) => name !== ENDPOINT);
}

/** An empty prompt or no message at all asks to load the model: it is answered at once, without an upstream. */
export function isLoadRequest(request: ChatRequest): boolean {
  if (request.turns.length > 0) return false;
  return endpointOf(request) === "generate" || request.system.length === 0;
}

/** `fast:latest` means `fast`. */
export function plainModelName(name: string): string {
  return name.endsWith(":latest") ? name.slice(0, -":latest".length) : name;
}

export function decodeUsage(doc: JsonObject): Usage | null {
  const usage = {
    ...NO_USAGE,
    input: tokenCount(doc["prompt_eval_count"]),
    output: tokenCount(doc["eval_count"]),
  };
  return isEmptyUsage(usage) ? null : usage;
}

export function decodeStop(reason: unknown, hasCalls: boolean): Stop {
  if (reason === "length") return { reason: "length" };
  return { reason: hasCalls ? "tool_call" : "stop" };
}

export function encodeStop(stop: Stop): "stop" | "length" {
  return stop.reason === "length" || stop.reason === "context_full" || stop.reason === "pause"
    ? "length"
    : "stop";
}

/** `seconds` since 1970 as RFC 3339. */
export function encodeDate(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** Seconds since 1970; undefined when it is no date. */
export function decodeDate(value: unknown): number | undefined {
  const milliseconds = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(milliseconds) ? undefined : Math.floor(milliseconds / 1000);
}
