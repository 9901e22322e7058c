/** JSON's escapes on bytes: resolved, written, and those of lone surrogates replaced. */
import { badRequest } from "../base/failure.ts";

/** Bytes of a string value put back into text: the escapes resolved. */
export function unescapeBytes(bytes: Buffer): Buffer {
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
export function escapeBytes(bytes: Buffer): Buffer {
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
export function wellFormedJson(json: string): string {
  if (!json.includes("\\ud")) return json;
  // JSON.stringify writes a surrogate as an escape only when it is alone.
  return json.replace(/\\(?:u(d[89a-f][0-9a-f]{2})|.)/gs, (whole, lone) =>
    lone === undefined ? whole : "\ufffd",
  );
}
