/** Writes a Responses body for an upstream that speaks it. */
import { createHash } from "node:crypto";
import { badRequest } from "../../base/failure.ts";
import { fitTurnIds, RESPONSES_IDS } from "../call-ids.ts";
import { effortOf, nearestEffort } from "../effort.ts";
import { shapeTurns, systemBlocks } from "../history.ts";
import { dropHosted } from "../hosted-tools.ts";
import type { ChatRequest, Tool } from "../neutral.ts";
import { dialectNamed, isReasoningModel } from "../openai-chat/dialects.ts";
import type { ConvertContext, EncodedRequest } from "../protocol.ts";
import { customToolSchema, isStrictSchema, schemaOrEmpty } from "../schema-text.ts";
import { OPENAI_NAMES, registerTool, toolsByName, upstreamName } from "../tool-names.ts";
import { encodeTurns } from "./input-encoder.ts";

type Json = Record<string, unknown>;

/** OpenAI refuses less. */
const MIN_OUTPUT_TOKENS = 16;
const MAX_IDENTIFIER = 64;

/** Throws Failure (400, param) for what cannot be carried. */
export function encodeRequest(request: ChatRequest, context: ConvertContext): EncodedRequest {
  const shaped = shapeTurns(request, {
    merge: false,
    userFirst: false,
    systemMidway: true,
    capability: context.capability,
    warn: context.warn,
  });
  const body: Json = { model: context.model };
  const instructions = encodeInstructions(request);
  if (instructions !== "") body.instructions = instructions;
  const own = isOpenai(context);
  body.input = [
    ...encodeDeveloperItems(request, own),
    ...encodeTurns(fitTurnIds(shaped, RESPONSES_IDS), own, context),
  ];
  encodeTools(body, request, context);
  encodeText(body, request, context);
  encodeSampling(body, request, context);
  encodeReasoning(body, request, context);
  if (own) encodeHints(body, request, context);
  for (const name of context.refused ?? []) {
    if (name !== "model" && name !== "input") delete body[name];
  }
  body.store = false;
  if (request.stream) body.stream = true;
  return { body: context.large.render(body), emulatedStop: request.sampling.stop ?? [], headers: [] };
}

/** Other servers that speak Responses know neither custom tools nor developers nor OpenAI's hints (40-protocols 1.10). */
function isOpenai(context: ConvertContext): boolean {
  return dialectNamed(context.dialect).name === "openai";
}

/** Blocks up to the caller's first developer message; from there on they are items, so that no order changes. */
function leadingSystem(request: ChatRequest): number {
  const blocks = systemBlocks(request);
  const first = blocks.findIndex((block) => block.role === "developer");
  return first < 0 ? blocks.length : first;
}

function encodeInstructions(request: ChatRequest): string {
  return systemBlocks(request)
    .slice(0, leadingSystem(request))
    .map((block) => block.text)
    .join("\n\n");
}

function encodeDeveloperItems(request: ChatRequest, own: boolean): Json[] {
  return systemBlocks(request)
    .slice(leadingSystem(request))
    .map(({ text, role }) => ({
      type: "message",
      role: own ? role : "system",
      content: [{ type: "input_text", text }],
    }));
}

function encodeTools(body: Json, request: ChatRequest, context: ConvertContext): void {
  const tools: unknown[] = [];
  for (const tool of request.tools) {
    const own = tool.vendor === "openai" && tool.raw !== undefined;
    if (own && tool.kind !== "function") tools.push(context.large.raw(tool.raw ?? "{}"));
    else if (tool.kind === "hosted" || (tool.kind === "client" && tool.schema === ""))
      dropHosted(tool, request, context);
    else tools.push(encodeTool(tool, context));
  }
  if (tools.length === 0) return;
  body.tools = tools;
  const { choice } = request;
  if (choice === undefined) return;
  if (choice.parallel !== undefined) body.parallel_tool_calls = choice.parallel;
  body.tool_choice = encodeChoice(request, isOpenai(context));
}

function encodeTool(tool: Tool, context: ConvertContext): Json {
  const custom = tool.kind === "custom";
  const name = registerTool(context.names, tool, OPENAI_NAMES, { custom: custom && !isOpenai(context) });
  const described = tool.description === undefined ? { name } : { name, description: tool.description };
  if (custom && isOpenai(context)) {
    const format = tool.grammar === undefined ? { type: "text" } : { type: "grammar", ...tool.grammar };
    return { type: "custom", ...described, format };
  }
  const schema = custom ? customToolSchema(tool.grammar) : schemaOrEmpty(tool.schema);
  // Responses is strict unless told otherwise (40-protocols 1.3).
  const strict = tool.strict === true && isStrictSchema(context.large.expand(schema));
  return { type: "function", ...described, parameters: context.large.raw(schema), strict };
}

function encodeChoice(request: ChatRequest, own: boolean): unknown {
  const choice = request.choice ?? { mode: "auto" };
  const tools = toolsByName(request.tools);
  const named = (name: string): Json => {
    const tool = tools.get(name);
    if (tool !== undefined && tool.vendor === "openai" && tool.kind !== "function") return { type: name };
    return {
      type: own && tool?.kind === "custom" ? "custom" : "function",
      name: upstreamName(name, tool?.namespace, OPENAI_NAMES),
    };
  };
  if (choice.mode === "one") return named(choice.names?.[0] ?? "");
  if (choice.mode !== "allowed") return choice.mode;
  return {
    type: "allowed_tools",
    mode: choice.required === true ? "required" : "auto",
    tools: (choice.names ?? []).map(named),
  };
}

function encodeText(body: Json, request: ChatRequest, context: ConvertContext): void {
  const text: Json = {};
  const { format } = request;
  if (format?.kind === "json") text.format = { type: "json_object" };
  else if (format?.kind === "schema") {
    const schema = schemaOrEmpty(format.schema ?? "");
    text.format = {
      type: "json_schema",
      name: format.name ?? "response",
      schema: context.large.raw(schema),
      strict: format.strict !== false && isStrictSchema(context.large.expand(schema)),
      ...(format.description === undefined ? {} : { description: format.description }),
    };
  }
  if (request.verbosity !== undefined) text.verbosity = request.verbosity;
  if (Object.keys(text).length > 0) body.text = text;
}

function encodeSampling(body: Json, request: ChatRequest, context: ConvertContext): void {
  const { sampling } = request;
  if (sampling.n !== undefined && sampling.n > 1) {
    throw badRequest("this target gives one answer at a time", "unsupported_parameter", "n");
  }
  if (sampling.max !== undefined) {
    const most = context.capability.maxTokens ?? sampling.max;
    body.max_output_tokens = Math.max(MIN_OUTPUT_TOKENS, Math.min(sampling.max, most));
  }
  const fixed = context.capability.sampling === false || (reasons(context) && effortOf(request) !== "none");
  const sample = (name: string, value: number | undefined) => {
    if (value === undefined) return;
    if (fixed) context.warn("unsupported_parameter", name);
    else body[name] = value;
  };
  sample("temperature", sampling.temperature);
  sample("top_p", sampling.topP);
  for (const [name, value] of [
    ["top_k", sampling.topK],
    ["seed", sampling.seed],
    ["presence_penalty", sampling.presence || undefined],
    ["frequency_penalty", sampling.frequency || undefined],
    ["logit_bias", sampling.logitBias],
  ] as const) {
    if (value !== undefined) context.warn("unsupported_parameter", name);
  }
  if (sampling.logprobs === true) {
    body.include = ["message.output_text.logprobs"];
    if (sampling.topLogprobs !== undefined) body.top_logprobs = sampling.topLogprobs;
  }
}

function reasons(context: ConvertContext): boolean {
  return context.capability.reasoningModel ?? (isOpenai(context) && isReasoningModel(context.model));
}

/** Models that do not reason refuse all of this, so nothing is sent unless the caller or the catalog speaks of reasoning. */
function encodeReasoning(body: Json, request: ChatRequest, context: ConvertContext): void {
  const { adaptive, show } = request.reasoning;
  const wanted = effortOf(request);
  if (!reasons(context)) {
    if (context.capability.reasoningModel === false || (wanted === undefined && adaptive !== true)) {
      if (wanted !== undefined && wanted !== "none") context.warn("unsupported_reasoning", "reasoning");
      return;
    }
  }
  const reasoning: Json = {};
  if (wanted !== undefined) reasoning.effort = nearestEffort(wanted, context.capability.effortLevels);
  if (show !== "none" && wanted !== "none") reasoning.summary = "auto";
  if (Object.keys(reasoning).length > 0) body.reasoning = reasoning;
  body.include = [...(Array.isArray(body.include) ? body.include : []), "reasoning.encrypted_content"];
}

function encodeHints(body: Json, request: ChatRequest, context: ConvertContext): void {
  if (request.cache?.key !== undefined) body.prompt_cache_key = request.cache.key;
  if (request.user !== undefined) body.safety_identifier = fitIdentifier(request.user);
  if (request.metadata !== undefined) body.metadata = request.metadata;
  const tier = encodeTier(request.tier, context.fastTier === true);
  if (tier !== undefined) body.service_tier = tier;
}

/** The fast tiers cost more: only where the alias allows them (40-protocols 1.8). */
function encodeTier(tier: string | undefined, fast: boolean): string | undefined {
  switch (tier) {
    case "priority":
    case "fast":
    case "ultrafast":
      return fast ? "priority" : undefined;
    case "standard":
    case "standard_only":
    case "default":
      return "default";
    default:
      return tier === "flex" || tier === "scale" ? tier : undefined;
  }
}

/** Claude Code's `metadata.user_id` is a JSON text of 180 characters with device and session ids (case 34). */
function fitIdentifier(user: string): string {
  return user.length <= MAX_IDENTIFIER ? user : createHash("sha256").update(user).digest("hex");
}
