/** Writes a `generateContent` body: the neutral request as the Gemini API or Vertex takes it. */
import { effortOf } from "../effort.ts";
import { shapeTurns, systemBlocks } from "../history.ts";
import { dropHosted } from "../hosted-tools.ts";
import type { ChatRequest, Effort, Tool } from "../neutral.ts";
import type { ConvertContext, EncodedRequest } from "../protocol.ts";
import { customToolSchema, schemaOrEmpty } from "../schema-text.ts";
import { GEMINI_NAMES, registerTool, toolsByName, upstreamName } from "../tool-names.ts";
import { encodeContents } from "./content-encoder.ts";
import { fitBudget, isPro, outputCap, takesLevel, thinks, wantsLegacySchema } from "./model-traits.ts";
import { toGeminiSchema } from "./schema.ts";

type Json = Record<string, unknown>;

/** Gemini takes five; the rest is cut by the gateway. */
const MAX_STOPS = 5;

export function encodeRequest(request: ChatRequest, context: ConvertContext): EncodedRequest {
  const turns = shapeTurns(request, {
    merge: true,
    userFirst: true,
    systemMidway: false,
    capability: context.capability,
    warn: context.warn,
  });
  const body: Json = { contents: encodeContents(turns, context) };
  const system = systemBlocks(request);
  if (system.length > 0) body.systemInstruction = { parts: system.map(({ text }) => ({ text })) };
  const tools = encodeTools(request, context);
  if (tools.length > 0) {
    body.tools = tools;
    const choice = encodeChoice(request, context);
    if (choice !== null) body.toolConfig = { functionCallingConfig: choice };
  }
  const config = encodeConfig(request, context);
  if (Object.keys(config).length > 0) body.generationConfig = config;
  if (request.safety?.vendor === "google") body.safetySettings = context.large.raw(request.safety.raw);
  if (context.providerKind === "vertex") {
    const labels = encodeLabels(request);
    if (labels !== null) body.labels = labels;
  } else {
    const tier = encodeTier(request, context);
    if (tier !== null) body.serviceTier = tier;
  }
  for (const name of context.refused ?? []) {
    delete body[name];
    delete config[name.replace(/^generationConfig\./, "")];
  }
  return {
    body: context.large.render(body),
    emulatedStop: (request.sampling.stop ?? []).slice(MAX_STOPS),
    headers: [],
  };
}

function encodeTools(request: ChatRequest, context: ConvertContext): Json[] {
  const functions: Json[] = [];
  const hosted: unknown[] = [];
  for (const tool of request.tools) {
    if (tool.kind === "hosted" || (tool.kind === "client" && tool.schema === "")) {
      if (tool.vendor === "google" && tool.raw !== undefined) hosted.push(context.large.raw(tool.raw));
      else dropHosted(tool, request, context);
      continue;
    }
    functions.push(encodeFunction(tool, context));
  }
  const tools = functions.length === 0 ? [] : [{ functionDeclarations: functions }];
  return [...tools, ...(hosted as Json[])];
}

function encodeFunction(tool: Tool, context: ConvertContext): Json {
  const custom = tool.kind === "custom";
  const declaration: Json = { name: registerTool(context.names, tool, GEMINI_NAMES, { custom }) };
  if (tool.description !== undefined) declaration.description = tool.description;
  const schema = custom ? customToolSchema(tool.grammar) : schemaOrEmpty(tool.schema);
  if (!wantsLegacySchema(context)) {
    declaration.parametersJsonSchema = context.large.raw(schema);
    return declaration;
  }
  const legacy = legacySchema(schema, `tools.${tool.name}`, context) as { properties?: object };
  // The old form refuses an object without properties.
  if (Object.keys(legacy.properties ?? {}).length > 0) declaration.parameters = legacy;
  return declaration;
}

function legacySchema(schema: string, field: string, context: ConvertContext): unknown {
  const lost = new Set<string>();
  const converted = toGeminiSchema(JSON.parse(context.large.expand(schema)), lost);
  if (lost.size > 0) context.warn("schema_simplified", field);
  return converted;
}

function encodeChoice(request: ChatRequest, context: ConvertContext): Json | null {
  const choice = request.choice;
  if (choice === undefined) return null;
  if (choice.parallel === false) context.warn("parallel_tool_calls", "parallel_tool_calls");
  const tools = toolsByName(request.tools);
  // A choice names a tool as the caller knows it; its group goes into the upstream's name.
  const names = (choice.names ?? []).map((name) =>
    upstreamName(name, tools.get(name)?.namespace, GEMINI_NAMES),
  );
  switch (choice.mode) {
    case "none":
      return { mode: "NONE" };
    case "required":
      return { mode: "ANY" };
    case "one":
      return { mode: "ANY", allowedFunctionNames: names.slice(0, 1) };
    case "allowed":
      if (names.length === 0) return { mode: choice.required === true ? "ANY" : "AUTO" };
      // AUTO refuses a list of names; VALIDATED is AUTO with one.
      return { mode: choice.required === true ? "ANY" : "VALIDATED", allowedFunctionNames: names };
    default:
      return choice.mode === "auto" ? { mode: "AUTO" } : null;
  }
}

function encodeConfig(request: ChatRequest, context: ConvertContext): Json {
  const { sampling, format } = request;
  const config: Json = {};
  const set = (name: string, value: unknown) => {
    if (value !== undefined) config[name] = value;
  };
  set("temperature", clamp(sampling.temperature, context.capability.temperatureMax ?? 2, context));
  set("topP", sampling.topP);
  set("topK", sampling.topK);
  set("seed", sampling.seed);
  set("candidateCount", sampling.n !== undefined && sampling.n > 1 ? sampling.n : undefined);
  set("maxOutputTokens", capOutput(request, context));
  set("presencePenalty", sampling.presence);
  set("frequencyPenalty", sampling.frequency);
  if ((sampling.stop ?? []).length > 0) config.stopSequences = sampling.stop?.slice(0, MAX_STOPS);
  if (sampling.logprobs === true) {
    config.responseLogprobs = true;
    set("logprobs", sampling.topLogprobs);
  }
  if (sampling.logitBias !== undefined) context.warn("unsupported_sampling", "logit_bias");
  if (format?.kind === "json" || format?.kind === "schema") config.responseMimeType = "application/json";
  if (format?.kind === "schema" && format.schema !== undefined) {
    if (wantsLegacySchema(context))
      config.responseSchema = legacySchema(format.schema, "response_format", context);
    else config.responseJsonSchema = context.large.raw(format.schema);
  }
  const thinking = encodeThinking(request, context);
  if (thinking !== null) config.thinkingConfig = thinking;
  for (const [name, json] of Object.entries(request.ext.google ?? {})) config[name] = context.large.raw(json);
  return config;
}

function clamp(value: number | undefined, most: number, context: ConvertContext): number | undefined {
  if (value === undefined || value <= most) return value;
  context.warn("temperature_clamped", "temperature");
  return most;
}

/** Anthropic's clients must name a maximum, so there it is no intent and cut in silence (40-protocols 1.6). */
function capOutput(request: ChatRequest, context: ConvertContext): number | undefined {
  const { max, maxDemanded } = request.sampling;
  const cap = outputCap(context);
  if (max === undefined || cap === undefined || max <= cap) return max;
  if (maxDemanded !== true) context.warn("max_tokens_clamped", "max_tokens");
  return cap;
}

const LEVELS: Readonly<Record<Exclude<Effort, "none">, string>> = {
  minimal: "MINIMAL",
  low: "LOW",
  medium: "MEDIUM",
  high: "HIGH",
  xhigh: "HIGH",
  max: "HIGH",
};

const BUDGETS: Readonly<Record<Exclude<Effort, "none">, number>> = {
  minimal: 1024,
  low: 1024,
  medium: 8192,
  high: 24576,
  xhigh: 24576,
  max: 24576,
};

/** 40-protocols 1.7: effort or budget as this model's own measure; null = nothing to say. */
function encodeThinking(request: ChatRequest, context: ConvertContext): Json | null {
  const { effort, budget, show } = request.reasoning;
  if (!thinks(context)) {
    if (effort !== undefined && effort !== "none") context.warn("unsupported_reasoning", "reasoning_effort");
    return null;
  }
  const thinking: Json = {};
  if (show !== "none" && effort !== "none") thinking.includeThoughts = true;
  if (takesLevel(context)) {
    const wanted = effortOf(request);
    if (wanted === "none") {
      thinking.thinkingLevel = isPro(context.model) ? "LOW" : "MINIMAL";
      context.warn("reasoning_stays_on", "reasoning_effort");
    } else if (wanted !== undefined) {
      // Pro knows no MINIMAL.
      thinking.thinkingLevel = wanted === "minimal" && isPro(context.model) ? "LOW" : LEVELS[wanted];
    }
  } else if (effort === "none" && isPro(context.model)) {
    thinking.thinkingBudget = 128;
    context.warn("reasoning_stays_on", "reasoning_effort");
  } else if (effort === "none") thinking.thinkingBudget = 0;
  else if (effort !== undefined) thinking.thinkingBudget = BUDGETS[effort];
  else if (budget !== undefined) thinking.thinkingBudget = fitBudget(budget, context.model);
  return Object.keys(thinking).length === 0 ? null : thinking;
}

/** Dearer tiers only where the alias allows them; `default` is Gemini's standard (40-protocols 1.8). */
function encodeTier(request: ChatRequest, context: ConvertContext): string | null {
  switch (request.tier) {
    case "flex":
    case "standard":
      return request.tier;
    case "default":
      return "standard";
    case "priority":
    case "fast":
    case "ultrafast":
      return context.fastTier === true ? "priority" : null;
    default:
      return null;
  }
}

/** Vertex labels: lower case, at most 63 characters, 64 of them. What does not fit is left out. */
function encodeLabels(request: ChatRequest): Json | null {
  const labels: Json = {};
  let count = 0;
  for (const [name, value] of Object.entries(request.metadata ?? {})) {
    if (count >= 64 || !/^[a-z][a-z0-9_-]{0,62}$/.test(name) || !/^[a-z0-9_-]{0,63}$/.test(value)) continue;
    labels[name] = value;
    count++;
  }
  return count === 0 ? null : labels;
}
