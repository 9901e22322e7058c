/** Splices of a relayed body: our own marks cut out of signatures, and calls signed that a foreign target made. */
import { type Edit, insertMembers, removeMembers, replaceValue } from "../../base/json-edit.ts";
import { watchNames } from "../../base/json-names.ts";
import {
  findMember,
  isString,
  type Member,
  type ObjectScan,
  scanArray,
  scanObject,
} from "../../base/json-scan.ts";
import { holdsEmptyMember, holdsWord, makeWord } from "../../base/word-search.ts";
import type { ConvertContext } from "../protocol.ts";
import { CARRIER_MARK, CARRIER_MARK_BASE64, holdsAnyCarrier } from "../signature-carrier.ts";
import { SKIP_VALIDATOR } from "./content-decoder.ts";
import { wantsSignatures } from "./model-traits.ts";

const BODY = watchNames(["model", "contents"]);
const CONTENT = watchNames(["parts", "role"]);
const PART = watchNames([
  "thoughtSignature",
  "thought_signature",
  "functionCall",
  "function_call",
  "text",
  "thought",
]);

/**
 * Edits of a `generateContent` body on its way to a Gemini target. Throws Failure (400) for a body that cannot be read.
 * The model stands in the path; where the body repeats it, it must say the same.
 */
export function passThroughEdits(body: Buffer, context: ConvertContext): Edit[] {
  const scan = scanObject(body, BODY);
  const edits = refusedEdits(body, context);
  const model = findMember(scan, "model");
  if (model !== undefined) edits.push(replaceValue(model, JSON.stringify(`models/${context.model}`)));
  const contents = findMember(scan, "contents");
  if (contents === undefined || !mayNeedEdits(body, context)) return edits;
  const emptied: Member[] = [];
  let step: Step = { firstCall: true };
  for (const content of elements(body, contents)) {
    if (body[content.start] !== 0x7b) continue;
    const members = scanObject(body, CONTENT, content.start, content.end);
    const role = findMember(members, "role");
    // The chunks of one streamed answer come back as many contents of the model: they are one step.
    if (role === undefined || !isString(body, role, "model")) step = { firstCall: true };
    const parts = findMember(members, "parts");
    if (parts === undefined) continue;
    const outcome = partEdits(body, elements(body, parts), step, context);
    // A content without parts is refused; a list of one may stand without its brackets, then it stays.
    if (outcome.empty && body[contents.start] === 0x5b) emptied.push(content);
    else edits.push(...outcome.edits);
  }
  edits.push(...removeMembers(emptied));
  return edits;
}

/** Members this target refused lately, at the top and inside `generationConfig`. */
function refusedEdits(body: Buffer, context: ConvertContext): Edit[] {
  const names = (context.refused ?? []).filter((name) => name !== "contents" && name !== "model");
  if (names.length === 0) return [];
  const top = scanObject(body, watchNames(["generationConfig", "generation_config", ...names]));
  const removed = top.members.filter((member) => names.includes(member.name));
  const edits = removeMembers(removed);
  const config = findMember(top, "generationConfig") ?? findMember(top, "generation_config");
  if (config === undefined || removed.includes(config) || body[config.start] !== 0x7b) return edits;
  const inner = names.map((name) => name.replace(/^generationConfig\./, ""));
  return [...edits, ...removeMembers(scanObject(body, watchNames(inner), config.start, config.end).members)];
}

const CALL = makeWord('"functionCall"');
const SNAKE_CALL = makeWord('"function_call"');

/** Looking for three words is far cheaper than walking the history. */
function mayNeedEdits(body: Buffer, context: ConvertContext): boolean {
  if (context.dropThinking === true) return true;
  if (holdsAnyCarrier(body) || holdsEmptyMember(body, "ignature")) return true;
  return wantsSignatures(context.model) && (holdsWord(body, CALL) || holdsWord(body, SNAKE_CALL));
}

function elements(body: Buffer, member: { start: number; end: number }): Member[] {
  if (body[member.start] === 0x5b) return scanArray(body, member.start, member.end);
  if (body[member.start] !== 0x7b) return [];
  return [
    {
      name: "",
      key: member.start,
      keyEnd: member.start,
      start: member.start,
      end: member.end,
      before: member.start,
      after: -1,
    },
  ];
}

/** One step of the model: only its first call must be signed. */
interface Step {
  firstCall: boolean;
}

function partEdits(
  body: Buffer,
  parts: readonly Member[],
  step: Step,
  context: ConvertContext,
): { edits: Edit[]; empty: boolean } {
  const edits: Edit[] = [];
  const emptied: Member[] = [];
  const all = context.dropThinking === true;
  for (const part of parts) {
    if (body[part.start] !== 0x7b) continue;
    const scan = scanObject(body, PART, part.start, part.end);
    const signature = findMember(scan, "thoughtSignature") ?? findMember(scan, "thought_signature");
    const ours = signature !== undefined && (all || isOurs(body, signature));
    const isCall =
      findMember(scan, "functionCall") !== undefined || findMember(scan, "function_call") !== undefined;
    if (isCall) {
      const needed = step.firstCall && wantsSignatures(context.model);
      step.firstCall = false;
      if (signature !== undefined && ours)
        edits.push(
          ...(needed
            ? [replaceValue(signature, JSON.stringify(SKIP_VALIDATOR))]
            : removeMembers([signature])),
        );
      else if (signature === undefined && needed)
        edits.push(
          ...insertMembers(scan, [{ name: "thoughtSignature", json: JSON.stringify(SKIP_VALIDATOR) }]),
        );
    } else if (all && isThought(body, scan)) emptied.push(part);
    else if (signature !== undefined && ours) {
      if (isBare(body, scan)) emptied.push(part);
      else edits.push(...removeMembers([signature]));
    }
  }
  if (emptied.length === parts.length && parts.length > 0) return { edits: [], empty: true };
  edits.push(...removeMembers(emptied));
  return { edits, empty: false };
}

function isOurs(body: Buffer, signature: Member): boolean {
  if (isString(body, signature, "")) return true;
  const head = body.toString("latin1", signature.start + 1, signature.start + 1 + CARRIER_MARK_BASE64.length);
  return head === CARRIER_MARK_BASE64 || head.startsWith(CARRIER_MARK);
}

function isThought(body: Buffer, scan: ObjectScan): boolean {
  const thought = findMember(scan, "thought");
  return thought !== undefined && body[thought.start] === 0x74;
}

/** Nothing is left of the part without its signature: no other member, or an empty text. */
function isBare(body: Buffer, scan: ObjectScan): boolean {
  const text = findMember(scan, "text");
  const flags = findMember(scan, "thought") === undefined ? 0 : 1;
  if (text === undefined) return scan.count === 1 + flags;
  return isString(body, text, "") && scan.count === 2 + flags;
}
