/** Asks a pool: for a whole answer, or for a stream of the caller's protocol. */
import { Failure } from "../base/failure.ts";
import type { Usage } from "../protocols/neutral.ts";
import type { ProtocolName } from "../protocols/protocol.ts";
import { AnswerStream, type Ask } from "./answer-stream.ts";
import type { Pool } from "./pool.ts";
import { POOL } from "./pool-config.ts";
import { partsOf } from "./pool-parts.ts";
import { type RequestBody, writeBody } from "./request-body.ts";

export interface RequestOptions {
  /** The protocol of the body and of the answer, whatever the targets speak. Default "openai-chat". */
  readonly protocol?: ProtocolName;
  /** Aborting cancels the upstream at once; the request fails as `client_closed`. */
  readonly signal?: AbortSignal;
  /** Headers a client would send, e.g. `anthropic-beta` or `x-sluice-session`; credentials are never forwarded. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer<Body = unknown> {
  readonly status: number;
  /** The parsed answer, in the caller's protocol. */
  readonly body: Body;
  /** Tokens as the providers counted them, of all attempts; null where none said. */
  readonly usage: Usage | null;
  /** `name/model` of the target that answered. */
  readonly target: string;
}

/** The bytes of a streamed answer as they come. `usage` and `target` are known at the end. */
export interface RequestStream extends AsyncIterableIterator<Uint8Array> {
  /** Of the answer; 0 = none yet. */
  readonly status: number;
  readonly usage: Usage | null;
  readonly target: string | null;
}

const PROTOCOLS: readonly ProtocolName[] = [
  "openai-chat",
  "openai-responses",
  "anthropic",
  "gemini",
  "cohere",
  "cohere-v1",
  "ollama",
];
/** A whole answer beyond this fails, as one that must be converted does (`limits.max_response_bytes`). */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/**
 * Resolves with a good answer. Rejects with a Failure (its `code` is stable, `status` is what a server would send), or
 * with a TypeError for wrong arguments. The body's `model` is replaced by the target's, `stream` by false.
 */
export async function request<Body = unknown>(
  pool: Pool,
  body: RequestBody,
  options: RequestOptions = {},
): Promise<Answer<Body>> {
  const answer = new AnswerStream(partsOf(pool), readAsk(body, options, false));
  const pieces: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop by an error cancels the request.
  for await (const piece of answer) {
    size += piece.length;
    if (size > MAX_ANSWER_BYTES) {
      const message = `the answer is larger than ${MAX_ANSWER_BYTES} bytes`;
      throw new Failure("upstream", message, { code: "upstream_too_large", noRetry: true });
    }
    pieces.push(piece);
  }
  const { status, usage, target } = answer;
  return { status, body: parse(Buffer.concat(pieces, size)) as Body, usage, target: target ?? "" };
}

/**
 * Yields the answer's bytes in the caller's protocol, errors inside the stream included; then throws the Failure, so
 * that a broken answer never looks whole. Nothing is sent before it is read; leaving the loop cancels the upstream.
 * Throws a TypeError for wrong arguments.
 */
export function requestStream(pool: Pool, body: RequestBody, options: RequestOptions = {}): RequestStream {
  return new AnswerStream(partsOf(pool), readAsk(body, options, true));
}

function readAsk(body: RequestBody, options: RequestOptions, stream: boolean): Ask {
  if (typeof options !== "object" || options === null) throw new TypeError("options: allowed: an object");
  for (const key of Object.keys(options)) {
    if (key !== "protocol" && key !== "signal" && key !== "headers")
      throw new TypeError(`options.${key}: is not known; allowed: protocol, signal, headers`);
  }
  const { protocol = "openai-chat", signal = null } = options;
  if (!PROTOCOLS.includes(protocol))
    throw new TypeError(`options.protocol: allowed: ${PROTOCOLS.map((name) => `"${name}"`).join(" | ")}`);
  if (signal !== null && !(signal instanceof AbortSignal))
    throw new TypeError("options.signal: allowed: an AbortSignal");
  const headers: string[] = [];
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(String(value)))
      throw new TypeError(`options.headers: allowed: header names, and values on one line`);
    headers.push(name.toLowerCase(), String(value));
  }
  return { protocol, stream, headers, signal, body: () => writeBody(body, protocol, stream, POOL) };
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new Failure("upstream", "the answer is not JSON", { code: "bad_upstream_response", cause });
  }
}
