/** Splices inside `messages` of a relayed Messages body: thinking that may not go back, words that are added (40-protocols 1.0, 1.7). */
import { type Edit, removeMembers } from "../../base/json-edit.ts";
import { watchNames } from "../../base/json-names.ts";
import { findMember, isString, type Member, scanArray, scanObject } from "../../base/json-scan.ts";
import { holdsEmptyMember } from "../../base/word-search.ts";
import { CARRIER_MARK, holdsCarrier } from "../signature-carrier.ts";

const MESSAGE = watchNames(["role", "content"]);
const BLOCK = watchNames(["type", "signature", "data", "text", "content"]);

/** Looking for a few bytes is far cheaper than walking the history. */
function mayHoldMarks(bytes: Buffer): boolean {
  return holdsCarrier(bytes) || holdsEmptyMember(bytes, "signature");
}

/** Cuts thinking blocks with a carrier of ours or without signature (`all`: every one), and turns left empty by that. */
export function thinkingEdits(body: Buffer, messages: Member, all: boolean): Edit[] {
  if (body[messages.start] !== 0x5b) return [];
  if (!all && !mayHoldMarks(body.subarray(messages.start, messages.end))) return [];
  const edits: Edit[] = [];
  const emptied: Member[] = [];
  for (const message of scanArray(body, messages.start, messages.end)) {
    if (body[message.start] !== 0x7b) continue;
    const content = findMember(scanObject(body, MESSAGE, message.start, message.end), "content");
    if (content === undefined || body[content.start] !== 0x5b) continue;
    const blocks = scanArray(body, content.start, content.end);
    const cut = blocks.filter((block) => mustGo(body, block, all));
    if (cut.length === 0) continue;
    if (cut.length === blocks.length) emptied.push(message);
    else edits.push(...removeMembers(cut));
  }
  return [...edits, ...removeMembers(emptied)];
}

function mustGo(body: Buffer, block: Member, all: boolean): boolean {
  if (body[block.start] !== 0x7b) return false;
  const scan = scanObject(body, BLOCK, block.start, block.end);
  const type = findMember(scan, "type");
  if (type === undefined) return false;
  const thinking = isString(body, type, "thinking");
  if (!thinking && !isString(body, type, "redacted_thinking")) return false;
  if (all) return true;
  const signature = findMember(scan, thinking ? "signature" : "data");
  if (signature === undefined) return thinking;
  const inside = body.toString(
    "latin1",
    signature.start + 1,
    Math.min(signature.end - 1, signature.start + 8),
  );
  return inside === "" || inside.startsWith(CARRIER_MARK);
}

/** Adds a text block at the end of the newest user message. */
export function appendText(body: Buffer, messages: Member, text: string): Edit[] {
  if (body[messages.start] !== 0x5b) return [];
  const list = scanArray(body, messages.start, messages.end);
  const block = JSON.stringify({ type: "text", text });
  for (let i = list.length - 1; i >= 0; i--) {
    const message = list[i];
    if (message === undefined || body[message.start] !== 0x7b) continue;
    const scan = scanObject(body, MESSAGE, message.start, message.end);
    const role = findMember(scan, "role");
    const content = findMember(scan, "content");
    if (role === undefined || content === undefined || !isString(body, role, "user")) continue;
    if (body[content.start] === 0x5b) {
      const blocks = scanArray(body, content.start, content.end);
      const at = content.end - 1;
      return [{ start: at, end: at, text: blocks.length === 0 ? block : `,${block}` }];
    }
    if (body[content.start] !== 0x22) return [];
    // A plain string becomes a block of its own; its bytes stay where they are.
    return [
      { start: content.start, end: content.start, text: '[{"type":"text","text":' },
      { start: content.end, end: content.end, text: `},${block}]` },
    ];
  }
  return [];
}
