/** What an engine refuses before the gateway sees it: request heads that two parsers would read differently. */
import { STATUS_CODES } from "node:http";
import type { HeaderList } from "../base/headers.ts";

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const DUPLICATE_LENGTH: Refusal = {
  status: 400,
  code: "bad_request",
  message: "the request has more than one content-length",
};
const DUPLICATE_HOST: Refusal = {
  status: 400,
  code: "bad_request",
  message: "the request has more than one host",
};
const BAD_LENGTH: Refusal = {
  status: 400,
  code: "bad_request",
  message: "content-length is not a number of bytes",
};
const BAD_CODING: Refusal = {
  status: 400,
  code: "bad_request",
  message: "transfer-encoding other than chunked is not taken",
};
const LENGTH_AND_CODING: Refusal = {
  status: 400,
  code: "bad_request",
  message: "the request has both content-length and transfer-encoding",
};
export const BAD_TARGET: Refusal = {
  status: 400,
  code: "bad_path",
  message: "the request target holds bytes that must be percent-encoded",
};
export const WRONG_VERSION: Refusal = {
  status: 505,
  code: "bad_request",
  message: "only HTTP/1.1 and HTTP/1.0 are spoken here",
};
export const UPGRADE: Refusal = {
  status: 501,
  code: "not_implemented",
  message: "protocol upgrades and tunnels are not offered here",
};
export const TOO_MANY_CONNECTIONS: Refusal = {
  status: 503,
  code: "overloaded",
  message: "too many connections; try again shortly",
};

/**
 * The declared body length: 0 = no body, -1 = chunked; or why the head is refused (RFC 9112 6.1 to 6.3). An offer of
 * `h2c` is ignored, as RFC 9110 7.8 allows: the HTTP client of Java's library sends it with every request.
 */
export function screenHead(headers: HeaderList): number | Refusal {
  let length = 0;
  let lengths = 0;
  let hosts = 0;
  let coding = "";
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] ?? "";
    switch (headers[i]) {
      case "content-length":
        lengths++;
        length = parseLength(value);
        if (length < 0) return BAD_LENGTH;
        break;
      case "transfer-encoding":
        coding = coding === "" ? value : `${coding},${value}`;
        break;
      case "host":
        hosts++;
        break;
      case "upgrade":
        if (!/^\s*h2c?\s*$/i.test(value)) return UPGRADE;
        break;
    }
  }
  if (hosts > 1) return DUPLICATE_HOST;
  if (lengths > 1) return DUPLICATE_LENGTH;
  if (coding === "") return length;
  if (lengths > 0) return LENGTH_AND_CODING;
  return coding.trim().toLowerCase() === "chunked" ? -1 : BAD_CODING;
}

/** The same for a head that has this as its only length, and nothing else to refuse. */
export function readLength(value: string): number | Refusal {
  const length = parseLength(value);
  return length < 0 ? BAD_LENGTH : length;
}

/** One to fifteen digits; -1 for anything else. */
function parseLength(value: string): number {
  if (value === "" || value.length > 15) return -1;
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

/** The JSON body of a refusal, in OpenAI's shape: the path has not been looked at. */
export function renderRefusal(refusal: Refusal): string {
  const type = refusal.status < 500 ? "invalid_request_error" : "server_error";
  return JSON.stringify({ error: { message: refusal.message, type, param: null, code: refusal.code } });
}

/** A whole HTTP/1.1 response for sockets on which no exchange exists. */
export function renderRawRefusal(refusal: Refusal): string {
  const body = renderRefusal(refusal);
  const retry = refusal.status === 503 ? "retry-after: 1\r\n" : "";
  return (
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ""}\r\ncontent-type: application/json\r\n` +
    `${retry}connection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

/** A header value without the bytes that would start another header line. */
export function cleanValue(value: string): string {
  return /[\0-\x08\x0a-\x1f\x7f]/.test(value) ? value.replace(/[\0-\x08\x0a-\x1f\x7f]+/g, " ") : value;
}
