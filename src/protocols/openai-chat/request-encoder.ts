/** The neutral request -> a Chat Completions body for one upstream, cut to its dialect (40-protocols 1.3, 1.5 to 1.8, 1.10). */
import { createHash } from "node:crypto";
import { badRequest } from "../../base/failure.ts";
import { effortOf, nearestEffort } from "../effort.ts";
import type { ChatRequest, Tool } from "../neutral.ts";
import type { ConvertContext, EncodedRequest } from "../protocol.ts";
import { customToolSchema, isStrictSchema, schemaOrEmpty } from "../schema-text.ts";
import { OPENAI_NAMES, registerTool, toolsByName, upstreamName } from "../tool-names.ts";
import {
  type Dialect,
  dialectNamed,
  isBaseline,
  isHint,
  isReasoningModel,
  needsResponses,
} from "./dialects.ts";
import { encodeMessages } from "./message-encoder.ts";
import { EXTRA_MEMBERS } from "./types.ts";

type Body = Record<string, unknown>;

/** Most stop sequences OpenAI takes. */
const MAX_STOPS = 4;

/** Throws Failure (400) for what Chat Completions cannot carry. Fills `context.names`. */
export function encodeRequest(request: ChatRequest, context: ConvertContext): EncodedRequest {
  const dialect = dialectNamed(context.dialect);
  const reasons =
    context.capability.reasoningModel ?? (dialect.name === "openai" && isReasoningModel(context.model));
  const { messages, thinkingOff } = encodeMessages(request, dialect, context);
  const body: Body = { model: context.model, messages };
  writeTools(body, request, dialect, context);
  writeFormat(body, request, context);
  const emulatedStop = writeSampling(body, request, dialect, reasons, context);
  writeEffort(body, request, dialect, reasons, thinkingOff, context);
  writeIdentity(body, request, dialect, context);
  if (request.stream) {
    body.stream = true;
    if (dialect.streamOptions) body.stream_options = { include_usage: true };
  }
  if (dialect.name === "openai") {
    for (const name of EXTRA_MEMBERS) {
      const json = request.ext.openai?.[name];
      if (json !== undefined) body[name] = context.large.raw(json);
    }
  }
  return { body: context.large.render(cutToDialect(body, dialect, context)), emulatedStop, headers: [] };
}

/** Members the server does not take go; those that change the answer leave a warning. */
function cutToDialect(body: Body, dialect: Dialect, context: ConvertContext): Body {
  const out: Body = {};
  for (const [name, value] of Object.entries(body)) {
    const written = dialect.renames.get(name) ?? name;
    const taken = dialect.takes === null ? !dialect.refuses.includes(name) : dialect.takes.includes(written);
    const refused = context.refused?.includes(name) === true && name !== "model" && name !== "messages";
    // At a host nobody knows the gateway writes what every server takes (1.10); usage is asked for all the same.
    const guessed = dialect.name === "unknown" && !isBaseline(name) && name !== "stream_options";
    if (taken && !refused && !guessed) out[written] = value;
    else if (!isHint(name)) context.warn("unsupported_member", name);
  }
  return out;
}

function toolOf(tool: Tool, dialect: Dialect, context: ConvertContext): Body {
  const custom = tool.kind === "custom";
  const name = registerTool(context.names, tool, OPENAI_NAMES, { custom: custom && !dialect.customTools });
  const description = tool.description === undefined ? {} : { description: tool.description };
  if (custom && dialect.customTools) {
    const format =
      tool.grammar === undefined ? {} : { format: { type: "grammar", grammar: { ...tool.grammar } } };
    return { type: "custom", custom: { name, ...description, ...format } };
  }
  const schema = custom ? customToolSchema(tool.grammar) : schemaOrEmpty(tool.schema);
  // A schema that does not satisfy `strict` would be a 400; unset is Chat's own default (1.3).
  const strict =
    !custom && tool.strict !== undefined
      ? { strict: tool.strict && isStrictSchema(context.large.expand(schema)) }
      : {};
  return {
    type: "function",
    function: { name, ...description, parameters: context.large.raw(schema), ...strict },
  };
}

function writeTools(body: Body, request: ChatRequest, dialect: Dialect, context: ConvertContext): void {
  const choice = request.choice;
  const own = request.tools.filter((tool) => {
    if (tool.kind !== "hosted") return true;
    const forced = choice?.mode === "one" && choice.names?.[0] === tool.name;
    if (forced) {
      throw badRequest(`this target has no hosted tool ${tool.name}`, "unsupported_tool", "tool_choice");
    }
    context.warn("hosted_tool", tool.name);
    return false;
  });
  if (own.length === 0) return;
  body.tools = own.map((tool) => toolOf(tool, dialect, context));
  if (choice === undefined) return;
  if (choice.parallel !== undefined) body.parallel_tool_calls = choice.parallel;
  const byName = toolsByName(own);
  const reference = (name: string): Body => {
    const tool = byName.get(name);
    const type = tool?.kind === "custom" && dialect.customTools ? "custom" : "function";
    return { type, [type]: { name: upstreamName(name, tool?.namespace, OPENAI_NAMES) } };
  };
  const names = choice.names ?? [];
  const offered = new Set(names);
  if (choice.mode === "one") {
    body.tool_choice = reference(names[0] ?? "");
  } else if (choice.mode !== "allowed") {
    body.tool_choice = choice.mode;
  } else if (dialect.name === "openai") {
    const mode = choice.required === true ? "required" : "auto";
    body.tool_choice = { type: "allowed_tools", allowed_tools: { mode, tools: names.map(reference) } };
  } else {
    // Only OpenAI knows subsets: elsewhere the others are not offered.
    context.warn("tool_subset", "tool_choice");
    body.tools = own.filter((tool) => offered.has(tool.name)).map((tool) => toolOf(tool, dialect, context));
    body.tool_choice = choice.required === true ? "required" : "auto";
  }
}

function writeFormat(body: Body, request: ChatRequest, context: ConvertContext): void {
  const format = request.format;
  if (request.verbosity !== undefined) body.verbosity = request.verbosity;
  if (format === undefined || format.kind === "text") return;
  if (format.kind === "json") {
    body.response_format = { type: "json_object" };
    return;
  }
  const schema = schemaOrEmpty(format.schema ?? "");
  const strict = format.strict !== false && isStrictSchema(context.large.expand(schema));
  body.response_format = {
    type: "json_schema",
    json_schema: {
      name: format.name ?? "response",
      ...(format.description === undefined ? {} : { description: format.description }),
      schema: context.large.raw(schema),
      strict,
    },
  };
}

/** Returns the stop sequences that must be emulated. */
function writeSampling(
  body: Body,
  request: ChatRequest,
  dialect: Dialect,
  reasons: boolean,
  context: ConvertContext,
): string[] {
  const { sampling } = request;
  const max = sampling.max;
  if (max !== undefined) {
    if (max < 1)
      throw badRequest("max_tokens must be at least 1 for this target", "invalid_value", "max_tokens");
    body[dialect.maxMember] =
      context.capability.maxTokens === undefined ? max : Math.min(max, context.capability.maxTokens);
  }
  const noSampling = reasons && effortOf(request) !== "none";
  for (const [member, value] of [
    ["temperature", sampling.temperature],
    ["top_p", sampling.topP],
  ] as const) {
    if (value === undefined) continue;
    if (noSampling || context.capability.sampling === false) context.warn("unsupported_sampling", member);
    else body[member] = value;
  }
  if (sampling.topK !== undefined) {
    if (dialect.name === "openrouter" || dialect.name === "ollama") body.top_k = sampling.topK;
    else context.warn("unsupported_sampling", "top_k");
  }
  if (sampling.seed !== undefined) body.seed = sampling.seed;
  if (sampling.n !== undefined && sampling.n !== 1) {
    if (dialect.name === "groq") context.warn("unsupported_member", "n");
    else body.n = sampling.n;
  }
  if (sampling.presence !== undefined) body.presence_penalty = sampling.presence;
  if (sampling.frequency !== undefined) body.frequency_penalty = sampling.frequency;
  if (sampling.logitBias !== undefined) body.logit_bias = context.large.raw(sampling.logitBias);
  if (sampling.logprobs === true) {
    body.logprobs = true;
    if (sampling.topLogprobs !== undefined) body.top_logprobs = sampling.topLogprobs;
  }
  const stops = sampling.stop ?? [];
  if (noSampling) return [...stops];
  if (stops.length > 0) body.stop = stops.slice(0, MAX_STOPS);
  return stops.slice(MAX_STOPS);
}

function writeEffort(
  body: Body,
  request: ChatRequest,
  dialect: Dialect,
  reasons: boolean,
  thinkingOff: boolean,
  context: ConvertContext,
): void {
  if (thinkingOff) {
    body.thinking = { type: "disabled" };
    context.warn("thinking_off", "thinking");
    return;
  }
  const wanted = effortOf(request);
  const hasTools = body.tools !== undefined;
  if (dialect.name === "openai" && needsResponses(context.model, hasTools, wanted)) {
    // Only /v1/responses takes tools beside reasoning; where it is missing reasoning goes (1.10).
    body.reasoning_effort = "none";
    context.warn("reasoning_off", "reasoning_effort");
    return;
  }
  if (wanted === undefined || dialect.effort === "none") return;
  if (dialect.effort === "thinking-type") {
    if (wanted === "none") body.thinking = { type: "disabled" };
    return;
  }
  if (dialect.name === "openai" && !reasons) {
    if (wanted !== "none") context.warn("unsupported_reasoning", "reasoning_effort");
    return;
  }
  const effort = nearestEffort(wanted, context.capability.effortLevels);
  if (dialect.effort === "reasoning-object") body.reasoning = { effort };
  else body.reasoning_effort = effort;
}

/** 40-protocols 1.8: identities longer than OpenAI takes become their hash. */
function writeIdentity(body: Body, request: ChatRequest, dialect: Dialect, context: ConvertContext): void {
  if (request.cache?.key !== undefined) body.prompt_cache_key = request.cache.key;
  if (request.user !== undefined) {
    const user =
      request.user.length > 64 ? createHash("sha256").update(request.user).digest("hex") : request.user;
    body[dialect.name === "openai" ? "safety_identifier" : "user"] = user;
  }
  if (request.metadata !== undefined && dialect.name === "openai") body.metadata = request.metadata;
  const tier = tierOf(request.tier, context.fastTier === true);
  if (tier !== undefined && dialect.name === "openai") body.service_tier = tier;
}

const TIERS = ["auto", "default", "flex", "scale", "priority"];

function tierOf(tier: string | undefined, fast: boolean): string | undefined {
  if (tier === undefined) return undefined;
  if (tier === "priority" || tier === "fast" || tier === "ultrafast") return fast ? "priority" : undefined;
  if (tier === "standard_only" || tier === "standard") return "default";
  return TIERS.includes(tier) ? tier : undefined;
}
