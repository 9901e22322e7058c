/** What an error body says that is not in any vendor's shape. */
import type { UpstreamErrorInfo } from "../base/upstream-error.ts";

const MAX_MESSAGE = 300;

/** undefined: HTML, text or nothing. */
export function parseErrorBody(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined; // Told by its first words.
  }
}

export function unrecognisedError(status: number, message: string): UpstreamErrorInfo {
  return { status, code: "", message, param: null, retryAfterMs: null, recognised: false };
}

/** First words of a body that is no JSON of the vendor: an HTML page, an empty answer. */
export function plainMessage(status: number, body: string): string {
  const text = body.slice(0, 4096).replace(/<(?:style|script)[\s\S]*?<\/(?:style|script)>/gi, " ");
  const words = text
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
  return words === "" ? `status ${status} without a message` : words.slice(0, MAX_MESSAGE);
}
