/** Plays for the scripted upstream: plain HTTP answers, and the framing that the protocol builders share. */
import { chunkFrame, type Play, type Step } from "./scripted-upstream.ts";

export interface AnswerOptions {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Pieces of the body with a wait before each but the first; instead of `body`. */
  readonly pieces?: readonly (string | Uint8Array)[];
  /** Milliseconds between two pieces. Default 0. */
  readonly everyMs?: number;
  /** Milliseconds before the head. Default 0. */
  readonly delayMs?: number;
  /** Milliseconds between head and body. Default 0. */
  readonly bodyDelayMs?: number;
  /** How the end of the body is told. Default: `length` for `body`, `chunked` for `pieces`. */
  readonly framing?: "length" | "chunked" | "close";
  /** The length that is declared, when it should not be the true one. */
  readonly contentLength?: number;
  /** Break off after this many pieces (0 = right after the head) with `how`. */
  readonly breakAfter?: number;
  readonly how?: "rst" | "close" | "stall" | "fin";
}

/** A whole HTTP answer as a play. */
export function answer(options: AnswerOptions = {}): Play {
  const pieces = options.pieces ?? (options.body === undefined ? [] : [options.body]);
  const framing = options.framing ?? (options.pieces === undefined ? "length" : "chunked");
  const steps: Step[] = [];
  if (options.delayMs !== undefined) steps.push({ waitMs: options.delayMs });
  const last = options.breakAfter ?? pieces.length;
  let first = head(options, pieces, framing);
  if (options.bodyDelayMs !== undefined || last === 0) {
    steps.push({ send: first });
    first = Buffer.alloc(0);
    if (options.bodyDelayMs !== undefined) steps.push({ waitMs: options.bodyDelayMs });
  }
  for (let i = 0; i < last; i += 1) {
    if (i > 0 && options.everyMs !== undefined) steps.push({ waitMs: options.everyMs });
    const framed = framing === "chunked" ? chunkFrame(pieces[i] ?? "") : Buffer.from(pieces[i] ?? "");
    steps.push({ send: Buffer.concat([first, framed]) });
    first = Buffer.alloc(0);
  }
  if (first.length > 0) steps.push({ send: first });
  if (options.breakAfter !== undefined) steps.push(options.how ?? "rst");
  else if (framing === "chunked") steps.push("last-chunk");
  else if (framing === "close") steps.push("close");
  return { steps };
}

/** A JSON answer. */
export function jsonAnswer(value: unknown, options: AnswerOptions = {}): Play {
  const headers = { "content-type": "application/json", ...options.headers };
  return answer({ ...options, headers, body: JSON.stringify(value) });
}

/** What a stream is made of: each piece is one event. */
export interface StreamOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly delayMs?: number;
  readonly everyMs?: number;
  /** Break off after so many events. */
  readonly breakAfter?: number;
  readonly how?: "rst" | "close" | "stall" | "fin";
}

/** Server-sent events in chunked framing. An event is a whole `data: …\n\n` block. */
export function eventStream(events: readonly string[], options: StreamOptions = {}): Play {
  const headers = { "content-type": "text/event-stream", "cache-control": "no-cache", ...options.headers };
  return answer({ ...options, headers, pieces: events });
}

/** `data:` block of one event, with an optional event name. */
export function sse(data: unknown, event?: string): string {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return `${event === undefined ? "" : `event: ${event}\n`}data: ${text}\n\n`;
}

/** The words of a text, white space kept, so that joining them gives the text back. */
export function words(text: string): string[] {
  return text.match(/\s*\S+\s*$|\s*\S+/g) ?? [];
}

function head(options: AnswerOptions, pieces: readonly (string | Uint8Array)[], framing: string): Buffer {
  const status = options.status ?? 200;
  let text = `HTTP/1.1 ${status} ${status === 200 ? "OK" : "Status"}\r\n`;
  for (const [name, value] of Object.entries(options.headers ?? {})) text += `${name}: ${value}\r\n`;
  if (framing === "chunked") text += "transfer-encoding: chunked\r\n";
  if (framing === "close") text += "connection: close\r\n";
  if (framing === "length") {
    const length = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
    text += `content-length: ${options.contentLength ?? length}\r\n`;
  }
  return Buffer.from(`${text}\r\n`, "latin1");
}
