/** Splices for a Chat body that goes to a Chat upstream as it is (40-protocols 1.0, 1.10). */
import { type Edit, insertMembers, removeMembers, renameMember, replaceValue } from "../../base/json-edit.ts";
import { watchNames } from "../../base/json-names.ts";
import { findMember, isString, type Member, type ObjectScan, scanObject } from "../../base/json-scan.ts";
import type { ConvertContext } from "../protocol.ts";
import { type Dialect, dialectNamed, isHint, needsResponses } from "./dialects.ts";
import { knownModel } from "./known-model.ts";
import { messageEdits } from "./message-edits.ts";

const NO_EDITS: readonly Edit[] = [];
const OPTIONS = watchNames(["include_usage"]);

/**
 * Everything that must change for this target: the model's name, usage asked for in streams, members its dialect does
 * not take, our own marks. Throws a Failure (400) when the body is no JSON object.
 */
export function passThroughEdits(body: Buffer, context: ConvertContext): Edit[] {
  const scan = context.scan ?? scanObject(body, null);
  const dialect = dialectNamed(context.dialect);
  const model = findMember(scan, "model");
  const name = knownModel(context.model);
  const isNamed = model === undefined || isString(body, model, name.escaped);
  const edits: Edit[] = isNamed ? [] : [replaceValue(model, name.json, name.bytes)];
  const added = model === undefined ? [{ name: "model", json: name.json }] : [];
  const removed: Member[] = [];

  for (let i = 0; i < scan.members.length; i++) {
    const member = scan.members[i] as Member;
    if (!taken(member.name, dialect, context)) {
      if (!isHint(member.name)) context.warn("unsupported_member", member.name);
      removed.push(member);
    }
  }
  const cut = (member: Member) => {
    if (!removed.includes(member)) removed.push(member);
  };
  renameLimits(scan, dialect, context, edits, cut);
  if (dialect.renames.size > 0) renameMembers(scan, dialect, edits, cut);
  settleReasoning(body, scan, dialect, context, edits, cut, added);
  askForUsage(body, scan, dialect, context, edits, added, removed);

  const messages = findMember(scan, "messages");
  const inside = messages === undefined ? NO_EDITS : messageEdits(body, messages, dialect, context);
  for (let i = 0; i < inside.length; i++) edits.push(inside[i] as Edit);
  if (removed.length + added.length === 0) return edits;
  removed.sort((a, b) => a.key - b.key);
  for (const edit of removeMembers(removed)) edits.push(edit);
  edits.push(...insertMembers(scan, added, removed.length));
  return edits;
}

/** Members a rename deals with are judged by the name they get. */
function taken(name: string, dialect: Dialect, context: ConvertContext): boolean {
  if (name === "model" || name === "messages") return true;
  if (context.refused?.includes(name) === true) return false;
  if (dialect.takes === null) return !dialect.refuses.includes(name);
  const isLimit = name === "max_tokens" || name === "max_completion_tokens";
  return dialect.takes.includes(isLimit ? dialect.maxMember : (dialect.renames.get(name) ?? name));
}

function renameMembers(
  scan: ObjectScan,
  { renames }: Dialect,
  edits: Edit[],
  cut: (member: Member) => void,
): void {
  for (const member of scan.members) {
    const other = renames.get(member.name);
    if (other === undefined) continue;
    if (findMember(scan, other) === undefined) edits.push(renameMember(member, other));
    else cut(member);
  }
}

/** OpenAI's reasoning models refuse `max_tokens`; everybody else knows only that one for sure. */
function renameLimits(
  scan: ObjectScan,
  dialect: Dialect,
  context: ConvertContext,
  edits: Edit[],
  cut: (member: Member) => void,
): void {
  const wanted = dialect.maxMember;
  const other = wanted === "max_tokens" ? "max_completion_tokens" : "max_tokens";
  const member = findMember(scan, other);
  if (member === undefined || context.refused?.includes(other) === true) return;
  if (wanted === "max_completion_tokens" && !reasons(context, dialect)) return;
  if (findMember(scan, wanted) !== undefined) cut(member);
  else edits.push(renameMember(member, wanted));
}

function reasons(context: Pick<ConvertContext, "capability" | "model">, dialect: Dialect): boolean {
  return (
    context.capability.reasoningModel ?? (dialect.name === "openai" && knownModel(context.model).reasons)
  );
}

/** OpenAI's reasoning models refuse `stop`: a body with one is converted, so that the gateway can do it (1.6). */
export function mustEmulateStop(
  body: Buffer,
  scan: ObjectScan,
  target: Pick<ConvertContext, "capability" | "model" | "dialect">,
): boolean {
  const stop = findMember(scan, "stop");
  if (stop === undefined || !reasons(target, dialectNamed(target.dialect))) return false;
  const text = body.subarray(stop.start, stop.end);
  return (text[0] === 0x22 && text.length > 2) || (text[0] === 0x5b && text.includes(0x22));
}

function settleReasoning(
  body: Buffer,
  scan: ObjectScan,
  dialect: Dialect,
  context: ConvertContext,
  edits: Edit[],
  cut: (member: Member) => void,
  added: { name: string; json: string }[],
): void {
  const effort = findMember(scan, "reasoning_effort");
  const asked = effort === undefined ? undefined : body.toString("utf8", effort.start + 1, effort.end - 1);
  if (dialect.effort === "thinking-type") {
    if (asked !== "none" && context.dropThinking !== true) return;
    if (effort !== undefined) cut(effort);
    const thinking = findMember(scan, "thinking");
    const off = '{"type":"disabled"}';
    if (thinking === undefined) added.push({ name: "thinking", json: off });
    else edits.push(replaceValue(thinking, off));
    return;
  }
  if (dialect.name !== "openai") return;
  const hasTools = hasElements(body, findMember(scan, "tools"));
  if (needsResponses(context.model, hasTools, asked)) {
    context.warn("reasoning_off", "reasoning_effort");
    if (effort === undefined) added.push({ name: "reasoning_effort", json: '"none"' });
    else edits.push(replaceValue(effort, '"none"'));
    return;
  }
  if (!reasons(context, dialect)) return;
  // One that says anything was emulated instead (`mustEmulateStop`).
  const stop = findMember(scan, "stop");
  if (stop !== undefined) cut(stop);
  if (asked === "none") return;
  for (const name of ["temperature", "top_p"]) {
    const member = findMember(scan, name);
    // The default is taken, anything else is a 400 (1.6).
    if (member === undefined || Number(body.toString("latin1", member.start, member.end)) === 1) continue;
    context.warn("unsupported_sampling", name);
    cut(member);
  }
}

function hasElements(body: Buffer, member: Member | undefined): boolean {
  if (member === undefined || body[member.start] !== 0x5b) return false;
  return (
    member.end - member.start > 2 && body.toString("latin1", member.start + 1, member.end - 1).trim() !== ""
  );
}

/** The gateway counts tokens of every stream; a caller that did not ask never sees the extra chunk. */
function askForUsage(
  body: Buffer,
  scan: ObjectScan,
  dialect: Dialect,
  context: ConvertContext,
  edits: Edit[],
  added: { name: string; json: string }[],
  removed: readonly Member[],
): void {
  const stream = findMember(scan, "stream");
  if (stream === undefined || body[stream.start] !== 0x74) return;
  if (!dialect.streamOptions || context.refused?.includes("stream_options") === true) return;
  const options = findMember(scan, "stream_options");
  if (options === undefined) {
    added.push({ name: "stream_options", json: '{"include_usage":true}' });
    return;
  }
  if (removed.includes(options)) return;
  if (body[options.start] !== 0x7b) {
    edits.push(replaceValue(options, '{"include_usage":true}'));
    return;
  }
  const inner = scanObject(body, OPTIONS, options.start, options.end);
  const include = inner.members[0];
  if (include === undefined) edits.push(...insertMembers(inner, [{ name: "include_usage", json: "true" }]));
  else if (body.toString("latin1", include.start, include.end) !== "true")
    edits.push(replaceValue(include, "true"));
}

/** Whether the caller asked for the usage chunk itself. Throws a Failure (400). */
export function asksForUsage(body: Buffer, options: Member | undefined): boolean {
  if (options === undefined || body[options.start] !== 0x7b) return false;
  const include = scanObject(body, OPTIONS, options.start, options.end).members[0];
  return include !== undefined && !isString(body, include, "") && body[include.start] === 0x74;
}
