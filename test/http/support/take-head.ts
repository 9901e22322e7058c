/** Takes the heads of requests, and holds what comes out against what the plain way says of them. */
import assert from "node:assert/strict";
import { isFromBrowser } from "../../../src/http/browser.ts";
import type { KnownRequests } from "../../../src/http/known-requests.ts";
import { isForwardedFor } from "../../../src/http/peer.ts";
import { screenHead } from "../../../src/http/screen.ts";

/** Whether the head was taken, not refused. */
export function take(requests: KnownRequests, lines: readonly string[]): boolean {
  requests.begin();
  for (let i = 0; i < lines.length; i += 2) requests.add(lines[i] ?? "", lines[i + 1] ?? "");
  const found = requests.end();
  const about = JSON.stringify(lines);
  assert.deepEqual(found, screenHead(lines), about);
  if (typeof found !== "number") return false;
  const { headers, notes } = requests.head;
  const expected = lines.filter((_, i) => lines[i - (i % 2)] !== "content-length");
  assert.deepEqual(headers, expected, about);
  const isPlain =
    !expected.some((text, i) => i % 2 === 0 && text === "x-request-id") &&
    !isFromBrowser(expected) &&
    !isForwardedFor(expected);
  assert.equal(notes.isPlain, isPlain, about);
  return true;
}
