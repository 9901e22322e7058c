/** Splices for a Messages body that goes to a Claude as it is (40-protocols 1.0, 1.3, 1.6, 1.7, 1.8). */
import { badRequest } from "../../base/failure.ts";
import { type Edit, insertMembers, removeMembers, replaceValue } from "../../base/json-edit.ts";
import { watchNames } from "../../base/json-names.ts";
import { isString, type Member, type ObjectScan, parseValue, scanObject } from "../../base/json-scan.ts";
import { effortOfBudget } from "../effort.ts";
import { objectOf, stringOf } from "../json-value.ts";
import type { Capability, ConvertContext } from "../protocol.ts";
import { appendText, thinkingEdits } from "./message-edits.ts";
import { budgetOfEffort } from "./thinking.ts";
import { bodyVersion, foreignMembers } from "./versions.ts";

/** The changes of one body, gathered before they become edits. */
interface Plan {
  readonly body: Buffer;
  readonly scan: ObjectScan;
  readonly edits: Edit[];
  readonly removed: Set<Member>;
  readonly added: { name: string; json: string }[];
}

/**
 * Everything that must change for this target: the model's name, what this Claude is known to refuse, our own marks
 * and empty signatures. Throws a Failure (400) when the body is no JSON object.
 */
export function passThroughEdits(body: Buffer, context: ConvertContext): Edit[] {
  const plan: Plan = {
    body,
    scan: context.scan ?? scanObject(body, null),
    edits: [],
    removed: new Set(),
    added: [],
  };
  const { capability } = context;
  renameModel(plan, context);
  for (const name of [...foreignMembers(context.providerKind), ...(context.refused ?? [])]) {
    const member = find(plan, name);
    if (member !== undefined && name !== "messages" && name !== "max_tokens") plan.removed.add(member);
  }
  const version = bodyVersion(context.providerKind);
  if (version !== "" && find(plan, "anthropic_version") === undefined) {
    plan.added.push({ name: "anthropic_version", json: JSON.stringify(version) });
  }
  if (capability.sampling === false) cutSampling(plan, context);
  settleThinking(plan, capability, context);
  const messages = find(plan, "messages");
  const sentence = settleChoice(plan, capability, context);
  if (messages !== undefined) {
    plan.edits.push(...thinkingEdits(body, messages, context.dropThinking === true));
    if (sentence !== "") plan.edits.push(...appendText(body, messages, sentence));
  }
  const removed = [...plan.removed].sort((a, b) => a.key - b.key);
  return [...plan.edits, ...removeMembers(removed), ...insertMembers(plan.scan, plan.added, removed.length)];
}

function find(plan: Plan, name: string): Member | undefined {
  return plan.scan.members.find((member) => member.name === name);
}

function renameModel(plan: Plan, context: ConvertContext): void {
  if (foreignMembers(context.providerKind).includes("model")) return;
  const member = find(plan, "model");
  const name = JSON.stringify(context.model);
  if (member === undefined) plan.added.push({ name: "model", json: name });
  else if (plan.body.toString("utf8", member.start, member.end) !== name) {
    plan.edits.push(replaceValue(member, name));
  }
}

/** Models after 4.6 refuse sampling, some even at its defaults (0.1). */
function cutSampling(plan: Plan, context: ConvertContext): void {
  for (const name of ["temperature", "top_p", "top_k"]) {
    const member = find(plan, name);
    if (member === undefined) continue;
    context.warn("unsupported_sampling", name);
    plan.removed.add(member);
  }
}

/** Changes the type of thinking where this model knows another one only. */
function settleThinking(plan: Plan, capability: Capability, context: ConvertContext): void {
  const types = capability.thinkingTypes;
  const member = find(plan, "thinking");
  if (types === undefined || member === undefined) return;
  const thinking = objectOf(parseValue(plan.body, member));
  const type = stringOf(thinking?.type);
  if (thinking === undefined || type === undefined || types.includes(type)) return;
  const replaced = replacement(type, thinking, types, plan, capability);
  context.warn("thinking_type", "thinking");
  if (replaced === null) plan.removed.add(member);
  else plan.edits.push(replaceValue(member, JSON.stringify(replaced)));
}

function replacement(
  type: string,
  thinking: Record<string, unknown>,
  types: readonly string[],
  plan: Plan,
  capability: Capability,
): Record<string, unknown> | null {
  if (type === "disabled") {
    // Off as far as this model can be (1.7).
    if (types.includes("between_tools")) return { type: "between_tools" };
    if (capability.thinkingDefault === "on") setEffort(plan, "low");
    return null;
  }
  const display = thinking.display === undefined ? {} : { display: thinking.display };
  if (types.includes("adaptive")) {
    const budget = thinking.budget_tokens;
    const effort = typeof budget === "number" ? effortOfBudget(budget) : undefined;
    if (effort !== undefined && effort !== "none") setEffort(plan, effort);
    return { type: "adaptive", ...display };
  }
  if (!types.includes("enabled")) return null;
  const max = find(plan, "max_tokens");
  const limit = max === undefined ? 0 : Number(plan.body.toString("latin1", max.start, max.end));
  const budget = Math.min(budgetOfEffort("medium"), limit - 1);
  return budget >= 1024 ? { type: "enabled", budget_tokens: budget, ...display } : null;
}

const OUTPUT = watchNames(["effort"]);

/** `output_config.effort`, unless the caller named one: that wins over a budget. */
function setEffort(plan: Plan, effort: string): void {
  const member = find(plan, "output_config");
  const json = JSON.stringify(effort);
  if (member === undefined || plan.body[member.start] !== 0x7b) {
    if (member === undefined) plan.added.push({ name: "output_config", json: `{"effort":${json}}` });
    return;
  }
  const inner = scanObject(plan.body, OUTPUT, member.start, member.end);
  if (inner.members.length === 0) plan.edits.push(...insertMembers(inner, [{ name: "effort", json }]));
}

const CHOICE = watchNames(["type", "name", "disable_parallel_tool_use"]);

/** A forced choice this Claude refuses becomes auto; returns the sentence that asks for the call in words, "" = none. */
function settleChoice(plan: Plan, capability: Capability, context: ConvertContext): string {
  if (capability.forcedToolChoice !== false) return "";
  const member = find(plan, "tool_choice");
  if (member === undefined || plan.body[member.start] !== 0x7b) return "";
  const scan = scanObject(plan.body, CHOICE, member.start, member.end);
  const type = scan.members.find((inner) => inner.name === "type");
  if (type === undefined) return "";
  const one = isString(plan.body, type, "tool");
  if (!one && !isString(plan.body, type, "any")) return "";
  context.warn("forced_tool_choice", "tool_choice");
  const name = scan.members.find((inner) => inner.name === "name");
  plan.edits.push(replaceValue(type, '"auto"'));
  if (name === undefined) return one ? "" : "Answer this by calling one of the tools.";
  plan.edits.push(...removeMembers([name]));
  const named = parseValue(plan.body, name);
  if (typeof named !== "string")
    throw badRequest("tool_choice.name must be a string", "invalid_type", "tool_choice.name");
  return `Answer this by calling the tool ${named}.`;
}
