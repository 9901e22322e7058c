/** Cuts what a counting endpoint refuses out of a chat body. */
import { applyEdits, removeMembers } from "../../base/json-edit.ts";
import { watchNames } from "../../base/json-names.ts";
import { scanObject } from "../../base/json-scan.ts";

/** Cuts the named members out of a JSON object by bytes. The pieces are joined once: bodies to count are sent at once and dropped. */
export function cutMembers(body: readonly Uint8Array[], names: readonly string[]): Uint8Array[] {
  const bytes = Buffer.concat(body);
  return applyEdits(bytes, removeMembers(scanObject(bytes, watchNames(names)).members));
}
