/** Estimates the tokens of a request without a tokenizer: those of its texts, and one a message. */
import { type Counts, countRunes, tokensOf, wordsOf } from "./rune-count.ts";

/** Values that are no text for the model: payloads, ids, names of types. Sorted by what a body holds most of. */
const SKIPPED = new Set([
  "type",
  "role",
  "id",
  "data",
  "url",
  "image_url",
  "file_data",
  "file_url",
  "fileUri",
  "file_uri",
  "file_id",
  "images",
  "media_type",
  "mimeType",
  "mime_type",
  "signature",
  "thoughtSignature",
  "thought_signature",
  "encrypted_content",
  "tool_call_id",
  "tool_use_id",
  "call_id",
  "callId",
  "model",
  "user",
  "user_id",
  "metadata",
  "prompt_cache_key",
  "safety_identifier",
  "detail",
  "ttl",
  "keep_alive",
]);

/** Tool definitions count as a whole, keys and punctuation included: the model reads all of it. */
const WHOLE = new Set(["tools", "functions", "functionDeclarations", "function_declarations"]);

/** Each element of these is a message. */
const MESSAGES = new Set(["messages", "input", "contents", "chat_history"]);

/** Elements of a bracket: no messages, messages, or messages, texts or token ids under `input`. */
const OTHER = 0;
const LIST = 1;
const INPUTS = 2;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Index after the closing quote of the string that opens at `at`; `end` when it does not close. */
function endOfString(body: Buffer, at: number, end: number): number {
  let position = at + 1;
  while (position < end) {
    const quote = body.indexOf(QUOTE, position);
    if (quote < 0 || quote >= end) return end;
    let slashes = 0;
    while (body[quote - 1 - slashes] === BACKSLASH && quote - 1 - slashes > at) slashes++;
    if (slashes % 2 === 0) return quote + 1;
    position = quote + 1;
  }
  return end;
}

/** After the value at `at`: brackets are matched, strings are stepped over. */
function endOfValue(body: Buffer, at: number, end: number): number {
  let depth = 0;
  let i = at;
  while (i < end) {
    const byte = body[i] ?? 0;
    if (byte === QUOTE) {
      i = endOfString(body, i, end);
      if (depth === 0) return i;
      continue;
    }
    if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) {
      depth--;
      if (depth <= 0) return depth < 0 ? i : i + 1;
    } else if (depth === 0 && byte === 0x2c) return i;
    i++;
  }
  return end;
}

/**
 * Estimated prompt tokens of a request body of any protocol: its texts, tool definitions, token ids and one a message.
 * Images and other media count nothing. Reads bytes only; what is no JSON gives some number, never an error.
 */
export function estimateRequest(body: Buffer): number {
  const end = body.length;
  const counts: Counts = { runes: 0, cjk: 0 };
  const words = wordsOf(body);
  let tokens = 0;
  /** Per open bracket: what its elements are. */
  const open: number[] = [];
  let key = "";
  let i = 0;
  while (i < end) {
    const byte = body[i] ?? 0;
    if (byte === QUOTE) {
      const after = endOfString(body, i, end);
      let colon = after;
      while (colon < end && (body[colon] ?? 0) <= 0x20) colon++;
      if (body[colon] === 0x3a) {
        key = after - i <= 40 ? body.toString("latin1", i + 1, after - 1) : "";
        i = colon + 1;
        if (SKIPPED.has(key)) {
          i = endOfValue(body, i, end);
        } else if (WHOLE.has(key)) {
          const last = endOfValue(body, i, end);
          counts.runes = 0;
          counts.cjk = 0;
          countRunes(body, words, i, last, counts);
          if (counts.runes > 4) tokens += tokensOf(counts.runes, counts.cjk);
          i = last;
        }
        continue;
      }
      if (!startsWithData(body, i + 1, after)) {
        counts.runes = 0;
        counts.cjk = 0;
        countRunes(body, words, i + 1, after - 1, counts);
        tokens += tokensOf(counts.runes, counts.cjk);
      }
      i = after;
      continue;
    }
    if (byte === 0x7b) {
      if ((open[open.length - 1] ?? OTHER) !== OTHER) tokens++;
      open.push(OTHER);
      key = "";
    } else if (byte === 0x5b) {
      const nested = open[open.length - 1] === INPUTS ? INPUTS : OTHER;
      open.push(key === "input" ? INPUTS : MESSAGES.has(key) ? LIST : nested);
    } else if (byte === 0x7d || byte === 0x5d) {
      open.pop();
      key = "";
    } else if (byte >= 0x30 && byte <= 0x39 && open[open.length - 1] === INPUTS) {
      // Token ids of an embedding request.
      tokens++;
      while (i + 1 < end && (body[i + 1] ?? 0) >= 0x30 && (body[i + 1] ?? 0) <= 0x39) i++;
    }
    i++;
  }
  return tokens;
}

/** No estimate of a body is above this: a token takes two bytes at least, quotes and commas included. */
export function mostTokens(body: Buffer): number {
  return (body.length >> 1) + 1;
}

/** `data:` URLs stand where texts may stand too. */
function startsWithData(body: Buffer, start: number, end: number): boolean {
  return end - start > 64 && body.toString("latin1", start, start + 5) === "data:";
}
