/** Estimates tokens without a tokenizer: `floor(2*cjk/3) + floor((runes - cjk)/4) + 1` a text, one more a message. */

/** CJK ideographs, kana and hangul syllables: about two tokens for three of them. */
function isCjk(rune: number): boolean {
  return (
    (rune >= 0x4e00 && rune <= 0x9fff) ||
    (rune >= 0x3040 && rune <= 0x30ff) ||
    (rune >= 0xac00 && rune <= 0xd7af)
  );
}

function tokensOf(runes: number, cjk: number): number {
  return runes === 0 ? 0 : Math.floor((2 * cjk) / 3) + Math.floor((runes - cjk) / 4) + 1;
}

/** Estimated tokens of a text; 0 for an empty one. */
export function estimateTokens(text: string): number {
  let runes = 0;
  let cjk = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // The second half of a surrogate pair belongs to the rune that its first half has counted.
    if (unit >= 0xdc00 && unit <= 0xdfff && i > 0 && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800) continue;
    runes++;
    if (isCjk(unit)) cjk++;
  }
  return tokensOf(runes, cjk);
}

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

interface Counts {
  runes: number;
  cjk: number;
}

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

function hexAt(body: Buffer, at: number): number {
  const value = Number.parseInt(body.toString("latin1", at, at + 4), 16);
  return Number.isNaN(value) ? 0x20 : value;
}

/** A body four bytes at a time. */
interface Words {
  readonly words: Int32Array;
  /** Where in the body the first word begins. */
  readonly first: number;
}

/** Smaller bodies are counted before another view of them is made. */
const WORTH_WORDS = 512;
const EACH_ONE = 0x01010101;
const EACH_HIGH = 0x80808080 | 0;
const EACH_BACKSLASH = 0x5c5c5c5c;

function wordsOf(body: Buffer): Words | null {
  if (body.length < WORTH_WORDS) return null;
  const first = -body.byteOffset & 3;
  return {
    words: new Int32Array(body.buffer, body.byteOffset + first, (body.length - first) >> 2),
    first,
  };
}

/** The byte after the words from `at` on that hold neither an escape nor anything beyond ASCII; `at` must begin one. */
function endOfPlain({ words, first }: Words, at: number, end: number): number {
  const last = (end - first) >> 2;
  let i = (at - first) >> 2;
  for (; i < last; i++) {
    const word = words[i] as number;
    const slashes = word ^ EACH_BACKSLASH;
    // A byte that is zero borrows from its high bit.
    if (((word | (((slashes - EACH_ONE) | 0) & ~slashes)) & EACH_HIGH) !== 0) break;
  }
  return first + (i << 2);
}

/** Counts the runes of UTF-8 JSON text in [start, end), escapes as the one rune they stand for. */
function countRunes(body: Buffer, words: Words | null, start: number, end: number, counts: Counts): void {
  let i = start;
  while (i < end) {
    if (words !== null && i >= words.first && ((i - words.first) & 3) === 0) {
      const after = endOfPlain(words, i, end);
      if (after > i) {
        counts.runes += after - i;
        i = after;
        continue;
      }
    }
    const byte = body[i] ?? 0;
    if (byte === BACKSLASH) {
      if (body[i + 1] !== 0x75) {
        counts.runes++;
        i += 2;
        continue;
      }
      const rune = hexAt(body, i + 2);
      if (rune < 0xdc00 || rune > 0xdfff) counts.runes++;
      if (isCjk(rune)) counts.cjk++;
      i += 6;
      continue;
    }
    if (byte < 0x80) {
      counts.runes++;
      i++;
    } else if ((byte & 0xf0) === 0xe0) {
      counts.runes++;
      const rune = ((byte & 0x0f) << 12) | (((body[i + 1] ?? 0) & 0x3f) << 6) | ((body[i + 2] ?? 0) & 0x3f);
      if (isCjk(rune)) counts.cjk++;
      i += 3;
    } else {
      if ((byte & 0xc0) !== 0x80) counts.runes++;
      i++;
    }
  }
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

/** `data:` URLs stand where texts may stand too. */
function startsWithData(body: Buffer, start: number, end: number): boolean {
  return end - start > 64 && body.toString("latin1", start, start + 5) === "data:";
}
