/** Tool names that a vendor refuses get an alias upstream; the way back restores the caller's own (40-protocols 1.3). */
import { createHash } from "node:crypto";
import type { Tool } from "./neutral.ts";
import type { NameMap } from "./protocol.ts";

export interface NameRule {
  readonly pattern: RegExp;
  readonly maxLength: number;
  /** Characters to be replaced in an alias. */
  readonly foreign: RegExp;
  /** First characters an alias may not begin with; null = all allowed ones may. */
  readonly start: RegExp | null;
}

const WORD = { pattern: /^[A-Za-z0-9_-]+$/, foreign: /[^A-Za-z0-9_-]/g, start: null };
export const OPENAI_NAMES: NameRule = { ...WORD, maxLength: 64 };
/** Older Claude models take 64 characters, as OpenAI. */
export const ANTHROPIC_NAMES: NameRule = { ...WORD, maxLength: 128 };
export const GEMINI_NAMES: NameRule = {
  pattern: /^[A-Za-z_][\w.:-]*$/,
  maxLength: 128,
  foreign: /[^\w.:-]/g,
  start: /^[^A-Za-z_]/,
};
export const COHERE_NAMES: NameRule = {
  pattern: /^[A-Za-z_]\w*$/,
  maxLength: 256,
  foreign: /\W/g,
  start: /^[^A-Za-z_]/,
};

/** What the caller calls a tool: grouped tools (`namespace`) are flattened to `ns__tool`. */
function flatName(name: string, namespace: string | undefined): string {
  return namespace === undefined || namespace === "" ? name : `${namespace}__${name}`;
}

/** The name itself when the vendor takes it, else `first 55 + "_" + 8 hex of sha256`. The same on every request. */
function fitToolName(name: string, rule: NameRule): string {
  if (name.length <= rule.maxLength && rule.pattern.test(name)) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
  let clean = name.slice(0, 55).replace(rule.foreign, "_");
  if (rule.start !== null) clean = clean.replace(rule.start, "_");
  return `${clean}_${hash}`;
}

/** Of several tools of one name the first. */
export function toolsByName(tools: readonly Tool[]): ReadonlyMap<string, Tool> {
  const byName = new Map<string, Tool>();
  for (const tool of tools) if (!byName.has(tool.name)) byName.set(tool.name, tool);
  return byName;
}

/** The name to use upstream for a tool or a call of the history. */
export function upstreamName(name: string, namespace: string | undefined, rule: NameRule): string {
  return fitToolName(flatName(name, namespace), rule);
}

/** Fills `names` for the answer's way back. `wrapped`: the tool's schema was put under `input` (Anthropic). */
export function registerTool(
  names: NameMap,
  tool: Tool,
  rule: NameRule,
  how: { readonly custom?: boolean; readonly wrapped?: boolean } = {},
): string {
  const upstream = upstreamName(tool.name, tool.namespace, rule);
  names.tools.set(upstream, {
    name: tool.name,
    ...(tool.namespace === undefined ? {} : { namespace: tool.namespace }),
    ...(how.custom === true ? { custom: true } : {}),
    ...(how.wrapped === true ? { wrapped: true } : {}),
  });
  return upstream;
}

/** The caller's tool behind an upstream name; an unknown name stands for itself. */
export function callerTool(
  names: NameMap,
  upstream: string,
): { name: string; namespace?: string; custom?: boolean; wrapped?: boolean } {
  return names.tools.get(upstream) ?? { name: upstream };
}
