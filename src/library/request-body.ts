/** A caller's body as the gateway wants it: JSON bytes that name the pool and say whether a stream is wanted. */
import { applyEdits, insertMembers, replaceValue } from "../base/json-edit.ts";
import { watchNames } from "../base/json-names.ts";
import { findMember, scanObject } from "../base/json-scan.ts";
import type { ProtocolName } from "../protocols/protocol.ts";

/** An object is written as JSON; text and bytes are taken as they are. */
export type RequestBody = Readonly<Record<string, unknown>> | string | Uint8Array;

const WATCHED = watchNames(["model", "stream"]);

/**
 * Sets `stream`, and `model` where there is none: a pool has its own targets, whatever model the body names.
 * Throws a TypeError for what cannot be a body, a Failure 400 for text that is no JSON object.
 */
export function writeBody(body: RequestBody, protocol: ProtocolName, stream: boolean, model: string): Buffer {
  const bytes = bytesOf(body);
  // Gemini says both in the path.
  if (protocol === "gemini") return bytes;
  const scan = scanObject(bytes, WATCHED);
  const asked = findMember(scan, "stream");
  const added: { name: string; json: string }[] = [];
  if (findMember(scan, "model") === undefined) added.push({ name: "model", json: JSON.stringify(model) });
  // Ollama streams unless it is told not to.
  if (asked === undefined && (stream || protocol === "ollama"))
    added.push({ name: "stream", json: String(stream) });
  const edits = asked === undefined ? [] : [replaceValue(asked, String(stream))];
  const pieces = applyEdits(bytes, [...edits, ...insertMembers(scan, added)]);
  return pieces.length === 1 ? (pieces[0] ?? bytes) : Buffer.concat(pieces);
}

function bytesOf(body: RequestBody): Buffer {
  if (typeof body === "string") return Buffer.from(body, "utf8");
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new TypeError("body: found no object; allowed: an object, JSON text, or its bytes");
  return Buffer.from(JSON.stringify(body), "utf8");
}
