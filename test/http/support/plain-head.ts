/** The head of an answer put together without a memory. */
import { STATUS_CODES } from "node:http";
import { cleanValue } from "../../../src/http/screen.ts";

const OWN = ["content-length", "transfer-encoding", "connection", "date"];

/** Status and lines as `HeadLines` puts them together, without the line end after the last one. */
export function plainHead(status: number, headers: readonly string[]): string {
  let head = `${status} ${STATUS_CODES[status] ?? "Unknown"}`;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? "";
    if (!OWN.includes(name)) head += `\r\n${name}: ${cleanValue(headers[i + 1] ?? "")}`;
  }
  return head;
}
