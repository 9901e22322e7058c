/** Where SDKs put their key, and which of those places belong to it: nothing found here is ever forwarded or logged. */
import { type HeaderList, headerValue } from "../base/headers.ts";
import type { Exchange } from "../http/exchange.ts";

const BEARER = "Bearer ";
const KEY_HEADERS = ["x-api-key", "api-key", "x-goog-api-key"];

/**
 * Every credential in a request, the likeliest first: a Bearer token outranks `x-api-key`, but both are tried
 * (Anthropic's SDKs send either, some wrappers send both: 40-protocols.md, 5).
 */
export function readCredentials(headers: HeaderList, query: string): string[] {
  const found: string[] = [];
  let keys = false;
  let authorization = "";
  // Backwards, so that the first of several is the one that is kept.
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    const name = headers[i];
    if (name === "authorization") authorization = headers[i + 1] ?? "";
    else if (name === "x-api-key" || name === "api-key" || name === "x-goog-api-key") keys = true;
  }
  if (isBearer(authorization)) add(found, authorization.slice(BEARER.length).trim());
  if (keys) for (const name of KEY_HEADERS) add(found, headerValue(headers, name));
  if (query.includes("key=")) add(found, new URLSearchParams(query).get("key") ?? "");
  return found;
}

/** The same of an exchange, whose head may have been looked through before. */
export function credentialsOf({ headers, query, notes }: Exchange): readonly string[] {
  if (notes === undefined || query !== "") return readCredentials(headers, query);
  notes.credentials ??= readCredentials(headers, "");
  return notes.credentials;
}

/** The query without `key`, byte for byte otherwise. */
export function withoutKey(query: string): string {
  if (!query.includes("key=")) return query;
  return query
    .split("&")
    .filter((pair) => !pair.startsWith("key="))
    .join("&");
}

/** RFC 9110 11.1: the scheme's case does not count. */
function isBearer(authorization: string): boolean {
  if (authorization.startsWith(BEARER)) return true;
  return authorization.slice(0, BEARER.length).toLowerCase() === BEARER.toLowerCase();
}

function add(list: string[], credential: string): void {
  if (credential !== "" && !list.includes(credential)) list.push(credential);
}
