/** Puts the head of a request together: the constant lines of the target, those of the request, and the framing, which is ours. */
import { EditedBytes } from "../base/json-edit.ts";
import type { BodyBytes, Origin, UpstreamRequest } from "./client.ts";
import { HeadStarts } from "./head-starts.ts";
import { authority, hostHeader } from "./origin.ts";

/** What is the same for every request to an origin. */
export interface OriginHead {
  /** Host and connection lines, and the proxy's credentials where every request shows them. */
  readonly lines: string;
  /** Scheme and authority in front of the path, for a plain origin behind a proxy (RFC 9112 3.2.2). */
  readonly prefix: string;
  readonly starts: HeadStarts;
}

export function originHead(origin: Origin): OriginHead {
  const lines = `host: ${hostHeader(origin)}\r\nconnection: keep-alive\r\n`;
  if (origin.proxy === null || origin.tls) return { lines, prefix: "", starts: new HeadStarts() };
  const { authorization } = origin.proxy;
  const credentials = authorization === "" ? "" : `proxy-authorization: ${authorization}\r\n`;
  const prefix = `http://${authority(origin.host, origin.port)}`;
  return { lines: lines + credentials, prefix, starts: new HeadStarts() };
}

/** White space, controls and everything beyond Latin-1 would end the request line early, or begin another. */
const UNSAFE_IN_PATH = /[\0-\x20\x7f]|[^\0-\xff]/;
const UNSAFE_IN_PATH_ALL = /[\0-\x20\x7f]|[^\0-\xff]/gu;
const BEYOND_LATIN1 = /[^\0-\xff]/;

export function requestHead(request: UpstreamRequest, origin: OriginHead): string {
  return `${linesBefore(request, origin)}${framing(request)}\r\n`;
}

/** The head of a request whose body is there, up to the digits of its length; null: it is no Latin-1. */
export function startOfHead(request: UpstreamRequest, origin: OriginHead): Buffer | null {
  const { starts } = origin;
  const known = starts.recall(request);
  if (known !== null) return known;
  const text = `${linesBefore(request, origin)}content-length: `;
  return headEncoding(text) === "latin1" ? starts.keep(request, text) : null;
}

function linesBefore(request: UpstreamRequest, origin: OriginHead): string {
  const path = UNSAFE_IN_PATH.test(request.path)
    ? request.path.replace(UNSAFE_IN_PATH_ALL, encodePart)
    : request.path;
  return `${request.method} ${origin.prefix}${path} HTTP/1.1\r\n${origin.lines}${request.constantHeaders}${request.headers}`;
}

/** Latin-1 as HTTP has it, unless a character would be cut down to another (U+010A to LF: CVE-2018-12116). */
export function headEncoding(head: string): "latin1" | "utf8" {
  return BEYOND_LATIN1.test(head) ? "utf8" : "latin1";
}

export function lengthOf(body: BodyBytes): number {
  if (body instanceof EditedBytes) return body.length;
  let length = 0;
  for (const piece of body) length += piece.length;
  return length;
}

function framing(request: UpstreamRequest): string {
  const { body, method } = request;
  if (body === null)
    return method === "POST" || method === "PUT" || method === "PATCH" ? "content-length: 0\r\n" : "";
  if (isWhole(body)) return `content-length: ${lengthOf(body)}\r\n`;
  return body.length < 0 ? "transfer-encoding: chunked\r\n" : `content-length: ${body.length}\r\n`;
}

/** Whether all of it is there: it is not fed piece by piece. */
export function isWhole(body: UpstreamRequest["body"]): body is BodyBytes {
  return body instanceof EditedBytes || Array.isArray(body);
}

/** Percent-encoded UTF-8; a lone surrogate becomes U+FFFD. */
function encodePart(part: string): string {
  return Buffer.from(part).toString("hex").toUpperCase().replace(/../g, "%$&");
}
