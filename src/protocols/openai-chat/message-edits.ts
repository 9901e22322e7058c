/** Splices inside `messages` of a relayed Chat body: dialect quirks of messages and our own marks (40-protocols 1.0, 1.10). */
import { type Edit, removeMembers, renameMember, replaceValue } from "../../base/json-edit.ts";
import { watchNames } from "../../base/json-names.ts";
import {
  isString,
  type Member,
  type ObjectScan,
  parseValue,
  scanArray,
  scanObject,
} from "../../base/json-scan.ts";
import { holdsWord, makeWord } from "../../base/word-search.ts";
import { fitCallId, MISTRAL_IDS } from "../call-ids.ts";
import type { ConvertContext } from "../protocol.ts";
import { holdsCarrier } from "../signature-carrier.ts";
import type { Dialect } from "./dialects.ts";

const MESSAGE = watchNames(["role", "name", "reasoning_content", "reasoning", "tool_calls", "tool_call_id"]);
const CALL = watchNames(["id", "extra_content"]);

const DEVELOPER = makeWord('"developer"');

const NO_EDITS: readonly Edit[] = [];

/** The list is walked only when some rule can apply to it. */
export function messageEdits(
  body: Buffer,
  messages: Member,
  dialect: Dialect,
  context: ConvertContext,
): readonly Edit[] {
  if (body[messages.start] !== 0x5b) return NO_EDITS;
  const notes = context.turns?.start === messages.start ? context.turns : null;
  const marked = notes?.carrier ?? holdsCarrier(body, messages.start, messages.end);
  const developer =
    !dialect.developer && (notes?.developer ?? holdsWord(body, DEVELOPER, messages.start, messages.end));
  const quirks =
    dialect.nineIds || dialect.refusesInMessages.length > 0 || dialect.renamesInMessages.size > 0;
  if (!marked && !developer && !quirks && context.dropThinking !== true) return NO_EDITS;
  const edits: Edit[] = [];
  for (const message of scanArray(body, messages.start, messages.end)) {
    if (body[message.start] === 0x7b) edits.push(...oneMessage(body, message, dialect, context, marked));
  }
  return edits;
}

function oneMessage(
  body: Buffer,
  message: Member,
  dialect: Dialect,
  context: ConvertContext,
  marked: boolean,
): Edit[] {
  const scan = scanObject(body, MESSAGE, message.start, message.end);
  const edits: Edit[] = [];
  const removed: Member[] = [];
  for (const member of scan.members) {
    const rename = dialect.renamesInMessages.get(member.name);
    const thinking = member.name === "reasoning_content" || member.name === "reasoning";
    if (thinking && context.dropThinking === true) {
      removed.push(member);
    } else if (dialect.refusesInMessages.includes(member.name)) {
      removed.push(member);
    } else if (rename !== undefined && !has(scan, rename)) {
      edits.push(renameMember(member, rename));
    } else if (member.name === "role" && !dialect.developer && isString(body, member, "developer")) {
      edits.push(replaceValue(member, '"system"'));
    } else if (member.name === "tool_call_id" && dialect.nineIds) {
      edits.push(...fitId(body, member));
    } else if (member.name === "tool_calls" && (marked || dialect.nineIds) && body[member.start] === 0x5b) {
      for (const call of scanArray(body, member.start, member.end)) {
        edits.push(...oneCall(body, call, dialect, marked));
      }
    }
  }
  return [...edits, ...removeMembers(removed)];
}

function has(scan: ObjectScan, name: string): boolean {
  return scan.members.some((member) => member.name === name);
}

function oneCall(body: Buffer, call: Member, dialect: Dialect, marked: boolean): Edit[] {
  if (body[call.start] !== 0x7b) return [];
  const scan = scanObject(body, CALL, call.start, call.end);
  const edits: Edit[] = [];
  for (const member of scan.members) {
    if (member.name === "id") {
      if (dialect.nineIds) edits.push(...fitId(body, member));
    } else if (marked && holdsCarrier(body, member.start, member.end)) {
      // A carrier of ours means nothing to any vendor.
      edits.push(...removeMembers([member]));
    }
  }
  return edits;
}

/** Mistral: the same nine characters in the call and in its result. */
function fitId(body: Buffer, member: Member): Edit[] {
  const id = parseValue(body, member);
  if (typeof id !== "string") return [];
  const fitted = fitCallId(id, MISTRAL_IDS);
  return fitted === id ? [] : [replaceValue(member, JSON.stringify(fitted))];
}
