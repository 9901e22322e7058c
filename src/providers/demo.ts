/** The demo provider's answers: invented on this device, the same for the same prompt, in OpenAI's protocol. */
import { createHash } from "node:crypto";

export interface DemoOptions {
  /** Milliseconds before the first byte. */
  readonly latency: number;
  readonly tokensPerSecond: number;
}

/** An answer to play: each piece leaves `afterMs` after the one before. */
export interface DemoAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly pieces: readonly { readonly afterMs: number; readonly text: string }[];
}

interface DemoMessage {
  readonly role?: unknown;
  readonly content?: unknown;
}

interface DemoBody {
  readonly model?: unknown;
  readonly messages?: unknown;
  readonly prompt?: unknown;
  readonly input?: unknown;
  readonly stream?: unknown;
  readonly stream_options?: { readonly include_usage?: unknown } | null;
  readonly max_tokens?: unknown;
  readonly max_completion_tokens?: unknown;
  readonly dimensions?: unknown;
  readonly encoding_format?: unknown;
}

const DEFAULT_DIMENSIONS = 256;
const MAX_DIMENSIONS = 4096;

/** Answers a request body; `path` tells chat, completions and embeddings apart. `now` in epoch seconds. */
export function answerDemo(path: string, rawBody: string, options: DemoOptions, now: number): DemoAnswer {
  let body: DemoBody;
  try {
    const parsed: unknown = JSON.parse(rawBody);
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
      throw new SyntaxError("not an object");
    body = parsed as DemoBody;
  } catch {
    return failed(400, "the body is not a JSON object", "invalid_json");
  }
  if (path.endsWith("/embeddings")) return embed(body, options);
  if (path.endsWith("/chat/completions"))
    return complete(body, lastUserText(body.messages), options, now, "chat");
  if (path.endsWith("/completions")) return complete(body, textOf(body.prompt), options, now, "text");
  return failed(404, "the demo provider serves chat completions, completions and embeddings", "not_found");
}

/** What an upstream in trouble answers; `error_rate` draws it. */
export function failDemo(): DemoAnswer {
  return failed(503, "the demo provider failed on purpose (error_rate)", "demo_error");
}

function failed(status: number, message: string, code: string): DemoAnswer {
  const text = JSON.stringify({ error: { message, type: "demo_error", param: null, code } });
  return { status, contentType: "application/json", pieces: [{ afterMs: 0, text }] };
}

function complete(
  body: DemoBody,
  prompt: string,
  options: DemoOptions,
  now: number,
  shape: "chat" | "text",
): DemoAnswer {
  const limit = Number(body.max_completion_tokens ?? body.max_tokens ?? Number.POSITIVE_INFINITY);
  const all = composeWords(prompt);
  const words = all.slice(0, Number.isFinite(limit) && limit >= 0 ? limit : all.length);
  const finish = words.length < all.length ? "length" : "stop";
  const digest = createHash("sha256").update(prompt).digest("hex").slice(0, 24);
  const id = shape === "chat" ? `chatcmpl-${digest}` : `cmpl-${digest}`;
  const model = typeof body.model === "string" ? body.model : "demo";
  const usage = {
    prompt_tokens: countTokens(prompt),
    completion_tokens: words.length,
    total_tokens: countTokens(prompt) + words.length,
  };
  const tokenMs = 1000 / options.tokensPerSecond;
  const head = { id, created: now, model };

  if (body.stream !== true) {
    const text = words.join("");
    const choice =
      shape === "chat"
        ? {
            index: 0,
            message: { role: "assistant", content: text, refusal: null },
            logprobs: null,
            finish_reason: finish,
          }
        : { index: 0, text, logprobs: null, finish_reason: finish };
    const object = shape === "chat" ? "chat.completion" : "text_completion";
    const answer = { ...head, object, choices: [choice], usage };
    return {
      status: 200,
      contentType: "application/json",
      pieces: [{ afterMs: options.latency + words.length * tokenMs, text: JSON.stringify(answer) }],
    };
  }

  const object = shape === "chat" ? "chat.completion.chunk" : "text_completion";
  const chunk = (piece: object, reason: string | null) =>
    `data: ${JSON.stringify({ ...head, object, choices: [{ index: 0, ...piece, logprobs: null, finish_reason: reason }] })}\n\n`;
  const delta = (text: string) => (shape === "chat" ? { delta: { content: text } } : { text });
  const pieces = words.map((word, index) => ({
    afterMs: index === 0 ? options.latency : tokenMs,
    text:
      (index === 0 && shape === "chat" ? chunk({ delta: { role: "assistant", content: "" } }, null) : "") +
      chunk(delta(word), null),
  }));
  let tail = chunk(shape === "chat" ? { delta: {} } : { text: "" }, finish);
  if (body.stream_options?.include_usage === true)
    tail += `data: ${JSON.stringify({ ...head, object, choices: [], usage })}\n\n`;
  pieces.push({ afterMs: 0, text: `${tail}data: [DONE]\n\n` });
  return { status: 200, contentType: "text/event-stream", pieces };
}

/** Words with their leading spaces: one word counts as one token. */
function composeWords(prompt: string): string[] {
  const asked = prompt.replace(/\s+/g, " ").trim();
  const quoted = asked.length > 300 ? `${asked.slice(0, 300)}…` : asked;
  const text =
    asked === ""
      ? "This is sluice's demo provider: your request arrived, without any text in it."
      : `This is sluice's demo provider; no model was asked. You wrote: "${quoted}". ` +
        "Set a provider's API key, or point sluice at Ollama on your network, and the same request gets a real answer.";
  return text.split(/(?= )/);
}

function lastUserText(messages: unknown): string {
  if (!Array.isArray(messages)) return "";
  for (let i = messages.length - 1; i >= 0; i--) {
    const message = messages[i] as DemoMessage | null;
    if (message?.role === "user") return textOf(message.content);
  }
  return "";
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part) => (typeof part === "string" ? part : typeof part?.text === "string" ? part.text : ""))
    .join(" ");
}

function countTokens(text: string): number {
  return text === "" ? 0 : Math.floor(text.length / 4) + 1;
}

function embed(body: DemoBody, options: DemoOptions): DemoAnswer {
  const inputs = Array.isArray(body.input) && typeof body.input[0] !== "number" ? body.input : [body.input];
  const wanted = typeof body.dimensions === "number" ? body.dimensions : DEFAULT_DIMENSIONS;
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > MAX_DIMENSIONS) {
    return failed(400, `dimensions must be a whole number from 1 to ${MAX_DIMENSIONS}`, "invalid_dimensions");
  }
  let tokens = 0;
  const data = inputs.map((input, index) => {
    const text = typeof input === "string" ? input : JSON.stringify(input ?? "");
    tokens += countTokens(text);
    const vector = embedText(text, wanted);
    const embedding =
      body.encoding_format === "base64"
        ? Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64")
        : Array.from(vector);
    return { object: "embedding", index, embedding };
  });
  const model = typeof body.model === "string" ? body.model : "demo";
  const answer = { object: "list", data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } };
  return {
    status: 200,
    contentType: "application/json",
    pieces: [{ afterMs: options.latency, text: JSON.stringify(answer) }],
  };
}

/** A unit vector that depends on the words: texts that share words lie closer together. */
function embedText(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  for (const word of text.toLowerCase().split(/[^\p{L}\p{N}]+/u)) {
    const hash = createHash("sha256").update(word).digest();
    for (let i = 0; i < hash.length; i += 4) {
      const slot = hash.readUInt16LE(i) % dimensions;
      vector[slot] = (vector[slot] ?? 0) + ((hash[i + 2] ?? 0) - 127.5) / 127.5;
    }
  }
  let square = 0;
  for (const value of vector) square += value * value;
  const length = Math.sqrt(square) || 1;
  for (let i = 0; i < dimensions; i++) vector[i] = (vector[i] ?? 0) / length;
  return vector;
}
