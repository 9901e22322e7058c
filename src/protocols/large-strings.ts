/** Long strings and verbatim JSON of a body stay byte ranges: a placeholder stands for them until the output is rendered. */
import type { Random } from "../base/clock.ts";
import { isValidJson } from "../base/json-valid.ts";
import type { LargeStrings } from "./protocol.ts";
import { escapeBytes, unescapeBytes, wellFormedJson } from "./string-escapes.ts";

/** `string`: the inside of a JSON string, escaped as it came. `json`: the text of a JSON value. */
interface Held {
  readonly kind: "string" | "json";
  readonly bytes: Buffer;
  /** Set for what `raw` made: the quotes around its placeholder go, and the bytes are written as they are. */
  readonly splice: boolean;
  /** What `bytes` say without their escapes, once somebody asked. */
  plain?: Buffer;
}

/** JSON text up to this size becomes a string when it is read, while the sum stays under `MAX_EXPANDED`. */
const SHORT_JSON = 65536;
const MAX_EXPANDED = 2 * 1024 * 1024;

/** The text that is held, without JSON's escapes. */
function plainBytes(held: Held): Buffer {
  if (held.kind === "json") return held.bytes;
  held.plain ??= unescapeBytes(held.bytes);
  return held.plain;
}

export class LargeStringStore implements LargeStrings {
  readonly #random: Random;
  readonly #held: Held[] = [];
  /** What no text of the caller's can hold by chance; "" until something is held. */
  #prefix = "";
  #expanded = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Keeps the inside of a JSON string. */
  holdString(bytes: Buffer): string {
    return this.#hold({ kind: "string", bytes, splice: false });
  }

  /** Keeps the text of a JSON value. */
  holdJson(bytes: Buffer): string {
    return this.#hold({ kind: "json", bytes, splice: false });
  }

  raw(jsonText: string): string {
    const whole = this.#only(jsonText);
    let bytes: Buffer;
    if (whole !== null) bytes = plainBytes(whole);
    else if (this.has(jsonText)) bytes = Buffer.concat(this.#splice(jsonText));
    else bytes = Buffer.from(jsonText);
    return this.#hold({ kind: "json", bytes, splice: true });
  }

  has(text: string): boolean {
    return this.#held.length > 0 && text.includes(this.#prefix);
  }

  expand(text: string): string {
    if (!this.has(text)) return text;
    const pieces = this.#pieces(text);
    return pieces
      .map((piece, i) => (typeof piece === "string" ? unquoted(pieces, i) : textOf(piece)))
      .join("");
  }

  head(text: string, count: number): string {
    if (!this.has(text)) return text.slice(0, count);
    let found = "";
    for (const piece of this.#pieces(text)) {
      found += typeof piece === "string" ? piece : headOf(piece, count - found.length);
      if (found.length >= count) break;
    }
    return found.slice(0, count);
  }

  jsonText(value: unknown): string {
    if (value === undefined || value === null) return "";
    if (typeof value !== "string") return this.#verbatim(JSON.stringify(value));
    const whole = this.#only(value);
    if (whole === null || whole.kind !== "json") return JSON.stringify(this.expand(value));
    if (whole.bytes.length > SHORT_JSON || this.#expanded + whole.bytes.length > MAX_EXPANDED) return value;
    this.#expanded += whole.bytes.length;
    return whole.bytes.toString();
  }

  kindOf(jsonText: string): "object" | "other" | "broken" {
    const whole = this.#only(jsonText);
    let bytes: Buffer;
    if (whole !== null) bytes = plainBytes(whole);
    else bytes = Buffer.from(this.expand(jsonText));
    if (!isValidJson(bytes)) return "broken";
    let at = 0;
    while (bytes[at] === 0x20 || (bytes[at] ?? 0) < 0x20) at++;
    return bytes[at] === 0x7b ? "object" : "other";
  }

  render(value: unknown): Uint8Array[] {
    const json = wellFormedJson(JSON.stringify(value));
    return this.has(json) ? this.#splice(json) : [Buffer.from(json)];
  }

  /** Members that were kept verbatim inside a parsed value: their text again, not a string that holds it. */
  #verbatim(json: string): string {
    if (!this.has(json)) return json;
    let out = "";
    const pieces = this.#pieces(json);
    for (let i = 0; i < pieces.length; i++) {
      const piece = pieces[i];
      if (piece === undefined) continue;
      if (typeof piece === "string") {
        out += piece;
      } else if (piece.kind === "json" && !piece.splice) {
        out += this.#hold({ ...piece, splice: true });
      } else {
        out += `${this.#prefix}${this.#held.indexOf(piece)}@`;
      }
    }
    return out;
  }

  #hold(held: Held): string {
    if (this.#prefix === "") this.#prefix = `@slc:${word(this.#random)}${word(this.#random)}:`;
    this.#held.push(held);
    return `${this.#prefix}${this.#held.length - 1}@`;
  }

  /** What the text's only placeholder stands for, when the text is nothing else. */
  #only(text: string): Held | null {
    if (this.#held.length === 0 || !text.startsWith(this.#prefix) || text.length > this.#prefix.length + 12)
      return null;
    const pieces = this.#pieces(text);
    const first = pieces[0];
    return pieces.length === 1 && typeof first === "object" ? first : null;
  }

  #pieces(text: string): (string | Held)[] {
    const pieces: (string | Held)[] = [];
    let from = 0;
    for (;;) {
      const at = text.indexOf(this.#prefix, from);
      const end = at < 0 ? -1 : text.indexOf("@", at + this.#prefix.length);
      const held = end < 0 ? undefined : this.#held[Number(text.slice(at + this.#prefix.length, end))];
      if (held === undefined) {
        if (from < text.length) pieces.push(text.slice(from));
        return pieces;
      }
      if (at > from) pieces.push(text.slice(from, at));
      pieces.push(held);
      from = end + 1;
    }
  }

  /** JSON text with its placeholders replaced. */
  #splice(json: string): Buffer[] {
    const out: Buffer[] = [];
    const bytes = Buffer.from(json);
    // Of plain ASCII, which most bodies are, the places in the text are the places in the bytes.
    const plain = bytes.length === json.length;
    const put = (from: number, to: number) => {
      if (from < to) out.push(plain ? bytes.subarray(from, to) : Buffer.from(json.slice(from, to)));
    };
    let from = 0;
    for (;;) {
      const at = json.indexOf(this.#prefix, from);
      const end = at < 0 ? -1 : json.indexOf("@", at + this.#prefix.length);
      const held = end < 0 ? undefined : this.#held[Number(json.slice(at + this.#prefix.length, end))];
      if (held === undefined) {
        put(from, json.length);
        return out;
      }
      // A value to be spliced stands in quotes of its own, which go.
      const quotes =
        held.splice && json.charCodeAt(at - 1) === 0x22 && json.charCodeAt(end + 1) === 0x22 ? 1 : 0;
      put(from, at - quotes);
      out.push(held.kind === "string" || held.splice ? held.bytes : escapeBytes(held.bytes));
      from = end + 1 + quotes;
    }
  }
}

/** Thirty bits of chance, in digits: other radixes than ten are written many times slower. */
function word(random: Random): string {
  return String(Math.floor(random.next() * 2 ** 30));
}

/** The text at `i` without the quotes that stand around a neighbour to be spliced as a value. */
function unquoted(pieces: readonly (string | Held)[], i: number): string {
  const piece = pieces[i];
  if (typeof piece !== "string") return "";
  const before = pieces[i - 1];
  const next = pieces[i + 1];
  const from = typeof before === "object" && before.splice && piece.startsWith('"') ? 1 : 0;
  const to = typeof next === "object" && next.splice && piece.endsWith('"') ? piece.length - 1 : piece.length;
  return piece.slice(from, to);
}

function textOf(held: Held): string {
  return (held.kind === "json" ? held.bytes : unescapeBytes(held.bytes)).toString();
}

function headOf(held: Held, count: number): string {
  // Six bytes of escape for a character at most; a character cut at the end is dropped with the rest.
  let end = Math.min(held.bytes.length, count * 6 + 12);
  while (end > 0 && end < held.bytes.length && held.bytes[end - 1] === 0x5c) end--;
  const part = held.bytes.subarray(0, end);
  return textOf({ ...held, bytes: part }).slice(0, count);
}
