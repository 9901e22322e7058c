/** Long strings and verbatim JSON of a body stay byte ranges: a placeholder stands for them until the output is rendered. */
import type { Random } from "../base/clock.ts";
import { badRequest } from "../base/failure.ts";
import { isValidJson } from "../base/json-valid.ts";
import type { LargeStrings } from "./protocol.ts";

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

/** Bytes of a string value put back into text: the escapes resolved. */
function unescapeBytes(bytes: Buffer): Buffer {
  if (!bytes.includes(0x5c)) return bytes;
  const out = Buffer.allocUnsafeSlow(bytes.length);
  let to = 0;
  let at = 0;
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0;
    if (byte !== 0x5c) {
      out[to++] = byte;
      at++;
      continue;
    }
    const letter = bytes[at + 1] ?? 0;
    if (letter === 0x75) {
      // A pair of surrogates is one character of four bytes, shorter than its twelve bytes of escapes.
      let text = bytes.toString("latin1", at, at + 6);
      if (/^\\u[dD][89abAB]/.test(text) && bytes[at + 6] === 0x5c)
        text = bytes.toString("latin1", at, at + 12);
      to += out.write(unescapeText(text), to, "utf8");
      at += text.length;
    } else {
      out[to++] = SHORT_ESCAPES[letter] ?? letter;
      at += 2;
    }
  }
  return out.subarray(0, to);
}

/** The caller's string was only looked at for its end: a bad escape inside is a 400 here. */
function unescapeText(text: string): string {
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    throw badRequest("a string holds a bad escape", "invalid_json");
  }
}

const SHORT_ESCAPES: Readonly<Record<number, number>> = {
  110: 0x0a,
  116: 0x09,
  114: 0x0d,
  98: 0x08,
  102: 0x0c,
};

/** Text as the inside of a JSON string. */
function escapeBytes(bytes: Buffer): Buffer {
  let extra = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0x22 || byte === 0x5c) extra += 1;
    else if (byte < 0x20) extra += 5;
  }
  if (extra === 0) return bytes;
  const out = Buffer.allocUnsafeSlow(bytes.length + extra);
  let to = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0x22 || byte === 0x5c) {
      out[to++] = 0x5c;
      out[to++] = byte;
    } else if (byte >= 0x20) {
      out[to++] = byte;
    } else {
      // The same spelling as JSON.stringify's, so that a hash over either is one.
      to += out.write(JSON.stringify(String.fromCharCode(byte)).slice(1, -1), to, "latin1");
    }
  }
  return out.subarray(0, to);
}

/** Replaces escapes of lone surrogates, which upstreams refuse ("no low surrogate", claude-code #558). */
function wellFormedJson(json: string): string {
  if (!json.includes("\\ud")) return json;
  // JSON.stringify writes a surrogate as an escape only when it is alone.
  return json.replace(/\\(?:u(d[89a-f][0-9a-f]{2})|.)/gs, (whole, lone) =>
    lone === undefined ? whole : "\ufffd",
  );
}

export class LargeStringStore implements LargeStrings {
  readonly #prefix: string;
  readonly #held: Held[] = [];
  #expanded = 0;

  constructor(random: Random) {
    const word = () => Math.floor(random.next() * 2 ** 48).toString(36);
    this.#prefix = `@slc:${word()}${word()}:`;
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
    this.#held.push(held);
    return `${this.#prefix}${this.#held.length - 1}@`;
  }

  /** What the text's only placeholder stands for, when the text is nothing else. */
  #only(text: string): Held | null {
    if (!text.startsWith(this.#prefix) || text.length > this.#prefix.length + 12) return null;
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
    const pieces = this.#pieces(json);
    const out: Buffer[] = [];
    for (let i = 0; i < pieces.length; i++) {
      const piece = pieces[i];
      if (piece === undefined) continue;
      if (typeof piece !== "string") {
        out.push(piece.kind === "string" || piece.splice ? piece.bytes : escapeBytes(piece.bytes));
        continue;
      }
      out.push(Buffer.from(unquoted(pieces, i)));
    }
    return out;
  }
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
