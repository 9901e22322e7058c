/** Finds the usage of a whole relayed answer by bytes. */
import { watchNames } from "../../base/json-names.ts";
import { findMember, scanArray, scanObject } from "../../base/json-scan.ts";
import { skipSpace } from "../../base/json-skip.ts";
import type { Usage } from "../neutral.ts";
import { decodeUsage } from "./types.ts";

/** Reads the bytes of a `usageMetadata` value; null when they are none. */
export function parseUsage(bytes: Buffer): Usage | null {
  try {
    return decodeUsage(JSON.parse(bytes.toString()));
  } catch {
    // Bytes are only checked for their brackets; figures that are no JSON are no figures.
    return null;
  }
}

const ANSWER = watchNames(["usageMetadata"]);

/** Usage of a whole answer, or of the last element of a JSON array; null when it has none. */
export function readUsage(body: Buffer): Usage | null {
  try {
    let range = { start: 0, end: body.length };
    if (body[skipSpace(body, 0, body.length)] === 0x5b) {
      const elements = scanArray(body, 0, body.length);
      const last = elements[elements.length - 1];
      if (last === undefined) return null;
      range = last;
    }
    const member = findMember(scanObject(body, ANSWER, range.start, range.end), "usageMetadata");
    return member === undefined ? null : parseUsage(body.subarray(member.start, member.end));
  } catch {
    // Not JSON: whoever relays it has said so already.
    return null;
  }
}
