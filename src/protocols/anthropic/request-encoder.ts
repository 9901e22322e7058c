/** The neutral request -> a Messages body for one Claude model (40-protocols 1.1 to 1.8). */
import { badRequest } from "../../base/failure.ts";
import { appendToNewestUserTurn, systemBlocks } from "../history.ts";
import type { ChatRequest } from "../neutral.ts";
import type { Capability, ConvertContext, EncodedRequest } from "../protocol.ts";
import { structuredSchema } from "../schema-text.ts";
import { ANTHROPIC_NAMES, upstreamName } from "../tool-names.ts";
import { type AnthropicMessage, type Block, cacheControl, encodeMessages } from "./message-encoder.ts";
import { planThinking, type ThinkingPlan } from "./thinking.ts";
import { type EncodedTools, encodeTools } from "./tool-encoder.ts";
import { cloudMembers } from "./versions.ts";

/** max_tokens where neither the caller, the target nor the catalog gives one. */
const DEFAULT_MAX = 4096;
const JSON_HINT = "Reply with one JSON object only.";
const MAX_MARKS = 4;

/** Throws Failure (400) for what Anthropic cannot carry. Fills `context.names`. */
export function encodeRequest(original: ChatRequest, context: ConvertContext): EncodedRequest {
  const { capability } = context;
  refuse(original);
  const body: Block = { model: context.model };
  const request = withHints(original, capability, context);
  // Before the messages: calls of the history are written as their tools say.
  const tools = encodeTools(request, capability, context);
  const messages = encodeMessages(request, capability, context);
  let plan = planThinking(request, capability, defaultMax(capability));
  for (const code of plan.warnings) context.warn(code, "thinking");
  plan = settlePlan(plan, messages, tools, context);
  body.max_tokens = plan.maxTokens;
  const system = encodeSystem(request);
  if (system.length > 0) body.system = system;
  body.messages = messages;
  if (tools.list.length > 0) body.tools = tools.list;
  if (tools.choice !== null) body.tool_choice = tools.choice;
  if (plan.thinking !== null) body.thinking = plan.thinking;
  writeOutput(body, request, capability, plan, context);
  writeSampling(body, request, capability, plan, context);
  const emulatedStop = writeStops(body, request);
  writeIdentity(body, request, context);
  keepLastMarks([tools.list, system, ...messages.map((message) => message.content)]);
  if (request.stream) body.stream = true;
  for (const name of context.refused ?? [])
    if (name !== "messages" && name !== "max_tokens") delete body[name];
  for (const [name, json] of Object.entries(request.ext.anthropic ?? {}))
    body[name] ??= context.large.raw(json);
  return {
    body: context.large.render(cloudMembers(body, context.providerKind)),
    emulatedStop,
    thinks: plan.thinking === null ? capability.thinkingDefault !== "off" : plan.thinking.type !== "disabled",
    headers: holdsFile(messages) ? ["anthropic-beta", "files-api-2025-04-14"] : [],
  };
}

function holdsFile(messages: readonly AnthropicMessage[]): boolean {
  const isFile = (block: Block) => (block.source as Block | undefined)?.type === "file";
  return messages.some((message) => message.content.some(isFile));
}

function refuse(request: ChatRequest): void {
  const { n, max } = request.sampling;
  if (n !== undefined && n > 1) {
    throw badRequest("this target answers with one choice only", "unsupported_parameter", "n");
  }
  if (max !== undefined && max < 1) {
    throw badRequest("max_tokens must be at least 1", "invalid_value", "max_tokens");
  }
}

function defaultMax(capability: Capability): number {
  return capability.maxTokens ?? DEFAULT_MAX;
}

/** What hangs on the present request alone is said in words at the end of the newest user turn (1.0). */
function withHints(request: ChatRequest, capability: Capability, context: ConvertContext): ChatRequest {
  let turns = request.turns;
  if (request.format?.kind === "json") {
    context.warn("json_by_prompt", "response_format");
    turns = appendToNewestUserTurn(turns, JSON_HINT);
  }
  const { choice } = request;
  const required = choice?.mode === "required" || choice?.mode === "one";
  const forced = required || (choice?.mode === "allowed" && choice.required === true);
  if (!forced || capability.forcedToolChoice !== false) return { ...request, turns };
  context.warn("forced_tool_choice", "tool_choice");
  const name = choice.names?.[0];
  const what =
    choice.mode === "one" && name !== undefined
      ? `the tool ${upstreamName(name, undefined, ANTHROPIC_NAMES)}`
      : "one of the tools";
  turns = appendToNewestUserTurn(turns, `Answer this by calling ${what}.`);
  const softened =
    choice.mode === "allowed" ? { ...choice, required: false } : { ...choice, mode: "auto" as const };
  return { ...request, turns, choice: softened };
}

/** Manual thinking goes neither with a forced choice nor into a tool loop that has no thinking (1.3, 1.7). */
function settlePlan(
  plan: ThinkingPlan,
  messages: readonly AnthropicMessage[],
  tools: EncodedTools,
  context: ConvertContext,
): ThinkingPlan {
  if (!plan.manual) return plan;
  const type = tools.choice?.type;
  const drop = (code: string): ThinkingPlan => {
    context.warn(code, "thinking");
    return { ...plan, thinking: null, manual: false };
  };
  if (type === "any" || type === "tool") return drop("thinking_with_forced_choice");
  for (let i = messages.length - 1; i >= 0; i--) {
    const message = messages[i];
    if (message === undefined) break;
    const results = message.content.some((block) => block.type === "tool_result");
    if (message.role === "user" && !results) break;
    if (message.role !== "assistant") continue;
    const first = message.content[0]?.type;
    const calls = message.content.some((block) => block.type === "tool_use");
    if (calls && first !== "thinking" && first !== "redacted_thinking")
      return drop("thinking_missing_in_history");
    break;
  }
  return plan;
}

function encodeSystem(request: ChatRequest): Block[] {
  const foreign = request.ext.anthropic === undefined;
  const blocks = foreign ? systemBlocks(request) : request.system.filter((block) => block.text.trim() !== "");
  return blocks.map((block) => ({ type: "text", text: block.text, ...cacheControl(block.cache) }));
}

function writeOutput(
  body: Block,
  request: ChatRequest,
  capability: Capability,
  plan: ThinkingPlan,
  context: ConvertContext,
): void {
  const output: Block = {};
  if (plan.effort !== null) output.effort = plan.effort;
  if (request.format?.kind === "schema" && capability.jsonSchema !== false) {
    const schema = structuredSchema(context.large.expand(request.format.schema ?? ""));
    output.format = { type: "json_schema", schema: context.large.raw(schema === "" ? "{}" : schema) };
  }
  if (Object.keys(output).length > 0) body.output_config = output;
}

function writeSampling(
  body: Block,
  request: ChatRequest,
  capability: Capability,
  plan: ThinkingPlan,
  context: ConvertContext,
): void {
  const { sampling } = request;
  const none = capability.sampling === false;
  const set = (member: string, value: number | undefined, allowed: boolean) => {
    if (value === undefined) return;
    if (none || !allowed) context.warn("unsupported_sampling", member);
    else body[member] = value;
  };
  const temperature = sampling.temperature;
  const top = capability.temperatureMax ?? 1;
  if (temperature !== undefined && temperature > top && !none && !plan.manual) {
    context.warn("temperature_clamped", "temperature");
  }
  set("temperature", temperature === undefined ? undefined : Math.min(temperature, top), !plan.manual);
  // Claude 4.5 and later refuse both together: temperature stays (1.6).
  const both = body.temperature !== undefined;
  const topP = sampling.topP;
  set("top_p", topP, !both && (!plan.manual || (topP !== undefined && topP >= 0.95)));
  set("top_k", sampling.topK, !plan.manual);
  for (const [member, value] of [
    ["seed", sampling.seed],
    ["presence_penalty", sampling.presence],
    ["frequency_penalty", sampling.frequency],
    ["logit_bias", sampling.logitBias],
    ["logprobs", sampling.logprobs === true ? true : undefined],
  ] as const) {
    if (value !== undefined && value !== 0) context.warn("unsupported_sampling", member);
  }
}

/** Sequences of white space alone are a 400: those are emulated (case 91). */
function writeStops(body: Block, request: ChatRequest): string[] {
  const stops = (request.sampling.stop ?? []).filter((stop) => stop !== "");
  const taken = stops.filter((stop) => stop.trim() !== "");
  if (taken.length > 0) body.stop_sequences = taken;
  return stops.filter((stop) => stop.trim() === "");
}

function writeIdentity(body: Block, request: ChatRequest, context: ConvertContext): void {
  if (request.user !== undefined) body.metadata = { user_id: request.user.slice(0, 256) };
  if (request.cache?.auto === true) body.cache_control = { type: "ephemeral" };
  if (request.tier === "default" || request.tier === "standard_only") body.service_tier = "standard_only";
  const fast = request.tier === "priority" || request.tier === "fast" || request.tier === "ultrafast";
  if (fast && context.fastTier === true) body.speed = "fast";
}

/** Anthropic answers a fifth cache marker with a 400: the last four stay (1.8). */
function keepLastMarks(lists: readonly (readonly Block[])[]): void {
  const marked: Block[] = [];
  for (const list of lists) {
    for (const block of list) {
      if (block !== null && typeof block === "object" && block.cache_control !== undefined)
        marked.push(block);
    }
  }
  for (const block of marked.slice(0, Math.max(0, marked.length - MAX_MARKS))) delete block.cache_control;
}
