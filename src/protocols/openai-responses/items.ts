/** Output items as the caller gets them, from parts and from streams alike. */
import type { Random } from "../../base/clock.ts";
import { mintHex } from "../call-ids.ts";
import { isObject } from "../json-value.ts";
import type { Tool } from "../neutral.ts";

export type ItemStatus = "in_progress" | "completed" | "incomplete";

/** A fresh item id: `msg_`, `rs_`, `fc_`, `ctc_` … + 24 hex. */
export function mintItemId(prefix: string, random: Random): string {
  return `${prefix}_${mintHex(random, 24)}`;
}

export function textContent(
  text: string,
  annotations: readonly object[],
  logprobs: readonly unknown[],
): object {
  return { type: "output_text", text, annotations, logprobs };
}

export function messageItem(id: string, status: ItemStatus, contents: readonly string[]): string {
  return `{"id":"${id}","type":"message","status":"${status}","role":"assistant","content":[${contents.join(",")}]}`;
}

/** `encrypted` undefined while the item is not finished. */
export function reasoningItem(id: string, text: string, encrypted: string | undefined): string {
  return JSON.stringify({
    id,
    type: "reasoning",
    summary: text === "" ? [] : [{ type: "summary_text", text }],
    ...(encrypted === undefined ? {} : { encrypted_content: encrypted }),
  });
}

export interface CallHead {
  readonly itemId: string;
  readonly callId: string;
  readonly name: string;
  readonly namespace?: string;
  readonly custom: boolean;
}

/** `function_call` or `custom_tool_call`. */
export function callItem(call: CallHead, status: ItemStatus, text: string): string {
  return JSON.stringify({
    id: call.itemId,
    type: call.custom ? "custom_tool_call" : "function_call",
    status,
    call_id: call.callId,
    ...(call.namespace === undefined ? {} : { namespace: call.namespace }),
    name: call.name,
    ...(call.custom ? { input: text } : { arguments: text }),
  });
}

/** OpenAI's tools that the client executes, with the item their calls become. */
const CLIENT_TOOLS: Readonly<Record<string, { type: string; member: string; prefix: string }>> = {
  local_shell: { type: "local_shell_call", member: "action", prefix: "lsh" },
  shell: { type: "shell_call", member: "action", prefix: "sh" },
  apply_patch: { type: "apply_patch_call", member: "operation", prefix: "apc" },
};

/** How a call of that name is shown; undefined for plain functions. */
export function clientCall(name: string, tools: readonly Tool[]) {
  const known = CLIENT_TOOLS[name];
  if (known === undefined) return undefined;
  return tools.some((tool) => tool.kind === "client" && tool.name === name) ? known : undefined;
}

/** The item of a client tool's call. Arguments that are no object leave its member empty: the client refuses the call. */
export function clientCallItem(
  how: { readonly type: string; readonly member: string },
  call: CallHead,
  status: ItemStatus,
  text: string,
): string {
  const value = parseObject(text);
  return JSON.stringify({
    id: call.itemId,
    type: how.type,
    status,
    call_id: call.callId,
    [how.member]: how.type === "local_shell_call" ? { type: "exec", env: {}, ...value } : value,
    ...(how.type === "shell_call" ? { environment: null } : {}),
  });
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text === "" ? "{}" : text);
    return isObject(value) ? value : {};
  } catch {
    return {}; // The model's arguments are no JSON.
  }
}
