/** Header lists as flat arrays, name and value in turn, names in lower case: no object per request. */

export type HeaderList = readonly string[];

/** Of the connection, not of what crosses it (RFC 9110 7.6.1). */
export const CONNECTION_HEADERS = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** The first value of a header, or "" when it is absent. `name` in lower case. */
export function headerValue(headers: HeaderList, name: string): string {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) return headers[i + 1] ?? "";
  }
  return "";
}

/** True when the header stands in the list, also with an empty value. */
export function hasHeader(headers: HeaderList, name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) return true;
  }
  return false;
}
