/** Data URLs: only the label is read and written, the payload is never decoded (40-protocols 1.2). */
import type { LargeStrings } from "./protocol.ts";

export interface DataUrl {
  readonly mime: string;
  /** Base64; may hold a placeholder. */
  readonly data: string;
}

const MAGIC: readonly (readonly [string, string])[] = [
  ["iVBOR", "image/png"],
  ["/9j/", "image/jpeg"],
  ["R0lGOD", "image/gif"],
  ["UklGR", "image/webp"],
  ["JVBER", "application/pdf"],
  ["Qk", "image/bmp"],
];

/** The media type by the payload's first bytes; "" when they say nothing. */
export function sniffMime(data: string, large: LargeStrings): string {
  const head = large.head(data, 8);
  for (const [magic, mime] of MAGIC) {
    if (head.startsWith(magic)) return mime;
  }
  return "";
}

/** Standard base64 without white space; a payload that is still a byte range stays as it came. */
export function cleanBase64(data: string, large: LargeStrings): string {
  if (large.has(data) || !/[-_\s]/.test(data)) return data;
  return data.replace(/\s+/g, "").replace(/-/g, "+").replace(/_/g, "/");
}

/** Reads `data:<mime>[;params];base64,<data>`; null when the URL is no base64 data URL. A missing type is sniffed. */
export function parseDataUrl(url: string, large: LargeStrings): DataUrl | null {
  if (!/^data:/i.test(url)) return null;
  const comma = url.indexOf(",");
  if (comma < 0 || comma > 256) return null;
  const label = url.slice(5, comma);
  if (!/;\s*base64\s*$/i.test(label)) return null;
  const data = cleanBase64(url.slice(comma + 1), large);
  // "image/jpg" is no media type, but what many programs write; Anthropic refuses it.
  const mime = (label.split(";")[0] ?? "")
    .trim()
    .toLowerCase()
    .replace(/^image\/jpg$/, "image/jpeg");
  return { mime: mime === "" ? sniffMime(data, large) : mime, data };
}

export function writeDataUrl(mime: string, data: string): string {
  return `data:${mime};base64,${data}`;
}
