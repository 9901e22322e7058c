/** Finds the usage of a whole relayed answer by bytes. */
import { watchNames } from "../../base/json-names.ts";
import { findMember, parseValue, scanObject } from "../../base/json-scan.ts";
import type { Usage } from "../neutral.ts";
import { decodeUsage } from "./types.ts";

const WHOLE = watchNames(["usage", "meta"]);

/** Usage of a whole answer of either version; null when it has none. */
export function readUsage(body: Buffer): Usage | null {
  try {
    const scan = scanObject(body, WHOLE);
    const member = findMember(scan, "usage") ?? findMember(scan, "meta");
    return member === undefined ? null : decodeUsage(parseValue(body, member));
  } catch {
    // Not JSON: whoever relays it has said so already.
    return null;
  }
}
