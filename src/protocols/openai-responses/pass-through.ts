/** Splices of a Responses body that is relayed to an upstream of the same protocol. */
import { type Edit, removeMembers, replaceValue } from "../../base/json-edit.ts";
import { watchNames } from "../../base/json-names.ts";
import {
  findMember,
  isString,
  type Member,
  type ObjectScan,
  scanArray,
  scanObject,
} from "../../base/json-scan.ts";
import { holdsWord, makeWord } from "../../base/word-search.ts";
import { dialectNamed, isReasoningModel } from "../openai-chat/dialects.ts";
import type { ConvertContext } from "../protocol.ts";
import { CARRIER_MARK } from "../signature-carrier.ts";

const ITEM = watchNames(["type", "id", "encrypted_content"]);
const REASONING = watchNames(["effort"]);

/** Items that a model made; an id on them points at the reasoning before them. */
const OUTPUT_TYPES = [
  "function_call",
  "custom_tool_call",
  "message",
  "local_shell_call",
  "shell_call",
  "apply_patch_call",
];

const ENCRYPTED = makeWord('"encrypted_content"');
const MARK = Buffer.from(`"${CARRIER_MARK}`);

/** The model's name, what a reasoning model refuses, and reasoning items of our own making (cases 79, 92). */
export function passThroughEdits(body: Buffer, context: ConvertContext): Edit[] {
  const scan = context.scan ?? scanObject(body, null);
  const edits: Edit[] = removeMembers(
    scan.members.filter((member) => isRefused(body, member, scan, context)),
  );
  const model = findMember(scan, "model");
  if (model !== undefined && !isString(body, model, context.model))
    edits.push(replaceValue(model, JSON.stringify(context.model)));
  const input = findMember(scan, "input");
  if (input !== undefined && body[input.start] === 0x5b)
    edits.push(...cutReasoning(body, input, context.dropThinking === true));
  return edits;
}

function isOpenaiReasoning(context: ConvertContext): boolean {
  return dialectNamed(context.dialect).name === "openai" && isReasoningModel(context.model);
}

/** What this provider refused lately, and the sampling that reasoning models refuse unless told not to reason (1.6). */
function isRefused(body: Buffer, member: Member, scan: ObjectScan, context: ConvertContext): boolean {
  const { name } = member;
  if (name === "model" || name === "input") return false;
  if (context.refused?.includes(name) === true) return true;
  if (name !== "temperature" && name !== "top_p") return false;
  if (!(context.capability.reasoningModel ?? isOpenaiReasoning(context))) return false;
  const reasoning = findMember(scan, "reasoning");
  if (reasoning !== undefined && body[reasoning.start] === 0x7b) {
    const effort = findMember(scanObject(body, REASONING, reasoning.start, reasoning.end), "effort");
    if (effort !== undefined && isString(body, effort, "none")) return false;
  }
  context.warn("unsupported_parameter", name);
  return true;
}

/** Reasoning items that hold our carrier or nothing (`all`: every one), and the ids of the items that were made with them. */
function cutReasoning(body: Buffer, input: Member, all: boolean): Edit[] {
  if (!all && !holdsWord(body, ENCRYPTED, input.start, input.end)) return [];
  const cut: Member[] = [];
  const edits: Edit[] = [];
  let orphaned = false;
  for (const element of scanArray(body, input.start, input.end)) {
    if (body[element.start] !== 0x7b) continue;
    const item = scanObject(body, ITEM, element.start, element.end);
    const type = findMember(item, "type");
    if (type !== undefined && isString(body, type, "reasoning")) {
      orphaned = all || isOurs(body, item);
      if (orphaned) cut.push(element);
      continue;
    }
    const made = type !== undefined && OUTPUT_TYPES.some((name) => isString(body, type, name));
    if (!made) orphaned = false;
    const id = orphaned ? findMember(item, "id") : undefined;
    if (id !== undefined) edits.push(...removeMembers([id]));
  }
  return [...removeMembers(cut), ...edits];
}

function isOurs(body: Buffer, item: ObjectScan): boolean {
  const content = findMember(item, "encrypted_content");
  if (content === undefined || body[content.start] !== 0x22) return false;
  return (
    content.end - content.start === 2 ||
    body.compare(MARK, 0, MARK.length, content.start, content.start + MARK.length) === 0
  );
}
