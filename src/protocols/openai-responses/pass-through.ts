/** Splices of a Responses body that is relayed to an upstream of the same protocol. */
import { type Edit, removeMembers, replaceValue } from "../../base/json-edit.ts";
import {
  findMember,
  isString,
  type Member,
  type ObjectScan,
  scanArray,
  scanObject,
  watchNames,
} from "../../base/json-scan.ts";
import type { ConvertContext } from "../protocol.ts";
import { CARRIER_MARK } from "../signature-carrier.ts";

const WATCHED = watchNames(["model", "input", "temperature", "top_p", "reasoning"]);
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

const MARK = Buffer.from(`"${CARRIER_MARK}`);

/** The model's name, what a reasoning model refuses, and reasoning items of our own making (cases 79, 92). */
export function passThroughEdits(body: Buffer, context: ConvertContext): Edit[] {
  const scan = scanObject(body, WATCHED);
  const edits: Edit[] = [];
  const model = findMember(scan, "model");
  if (model !== undefined && !isString(body, model, context.model))
    edits.push(replaceValue(model, JSON.stringify(context.model)));
  edits.push(...dropSampling(body, scan, context));
  const input = findMember(scan, "input");
  if (input !== undefined && body[input.start] === 0x5b) edits.push(...cutOwnReasoning(body, input));
  return edits;
}

/** 40-protocols 1.6: reasoning models refuse temperature and top_p unless they are told not to reason. */
function dropSampling(body: Buffer, scan: ObjectScan, context: ConvertContext): Edit[] {
  if (context.capability.reasoningModel !== true) return [];
  const reasoning = findMember(scan, "reasoning");
  if (reasoning !== undefined && body[reasoning.start] === 0x7b) {
    const effort = findMember(scanObject(body, REASONING, reasoning.start, reasoning.end), "effort");
    if (effort !== undefined && isString(body, effort, "none")) return [];
  }
  const refused = scan.members.filter(({ name }) => name === "temperature" || name === "top_p");
  for (const member of refused) context.warn("unsupported_parameter", member.name);
  return removeMembers(refused);
}

/** Reasoning items that hold our carrier or nothing, and the ids of the items that were made with them. */
function cutOwnReasoning(body: Buffer, input: Member): Edit[] {
  const text = body.subarray(input.start, input.end);
  if (text.indexOf(MARK) < 0 && text.indexOf('"encrypted_content"') < 0) return [];
  const cut: Member[] = [];
  const edits: Edit[] = [];
  let orphaned = false;
  for (const element of scanArray(body, input.start, input.end)) {
    if (body[element.start] !== 0x7b) continue;
    const item = scanObject(body, ITEM, element.start, element.end);
    const type = findMember(item, "type");
    if (type !== undefined && isString(body, type, "reasoning")) {
      orphaned = isOurs(body, item);
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
