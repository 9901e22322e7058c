/** What each `openai` server takes of a Chat Completions body, as data (40-protocols 1.10). A new quirk is a line here. */

export interface Dialect {
  readonly name: string;
  /** Hosts it is known by under `dialect = "auto"`; a leading dot matches the end of the name. */
  readonly hosts: readonly string[];
  /** Only these members may be sent; null = all but `refuses`. */
  readonly takes: readonly string[] | null;
  readonly refuses: readonly string[];
  readonly refusesInMessages: readonly string[];
  readonly maxMember: "max_completion_tokens" | "max_tokens";
  readonly renames: ReadonlyMap<string, string>;
  readonly renamesInMessages: ReadonlyMap<string, string>;
  /** Role `developer` is known. */
  readonly developer: boolean;
  readonly streamOptions: boolean;
  /** Call ids are exactly nine alphanumerics. */
  readonly nineIds: boolean;
  /** Free-text tools are known. */
  readonly customTools: boolean;
  /** The history's thinking goes back as `reasoning_content`; what stands for a thinking that is not known. */
  readonly thinking: "drop" | "required-or-disabled" | "required-or-dot";
  readonly effort: "reasoning_effort" | "reasoning-object" | "thinking-type" | "none";
  readonly cacheControl: boolean;
}

const BASELINE = [
  "model",
  "messages",
  "tools",
  "tool_choice",
  "max_tokens",
  "temperature",
  "top_p",
  "stop",
  "stream",
  "response_format",
];

const TAKES_ALL: Dialect = {
  name: "unknown",
  hosts: [],
  takes: null,
  refuses: [],
  refusesInMessages: [],
  maxMember: "max_tokens",
  renames: new Map(),
  renamesInMessages: new Map(),
  developer: false,
  streamOptions: true,
  nineIds: false,
  customTools: false,
  thinking: "drop",
  effort: "reasoning_effort",
  cacheControl: false,
};

const DIALECTS: readonly Dialect[] = [
  {
    ...TAKES_ALL,
    name: "openai",
    hosts: ["api.openai.com", ".openai.azure.com", ".services.ai.azure.com"],
    maxMember: "max_completion_tokens",
    developer: true,
    customTools: true,
  },
  {
    ...TAKES_ALL,
    name: "groq",
    hosts: ["api.groq.com"],
    refuses: ["store", "prompt_cache_key", "logprobs", "top_logprobs", "logit_bias"],
    refusesInMessages: ["name", "reasoning_content"],
  },
  {
    ...TAKES_ALL,
    name: "cerebras",
    hosts: ["api.cerebras.ai"],
    refuses: [
      "store",
      "prompt_cache_key",
      "service_tier",
      "logit_bias",
      "frequency_penalty",
      "presence_penalty",
    ],
    renamesInMessages: new Map([["reasoning_content", "reasoning"]]), // qwen-code #11045
  },
  {
    ...TAKES_ALL,
    name: "mistral",
    hosts: ["api.mistral.ai"],
    // A closed list: else 422 extra_forbidden (eca #231).
    takes: [
      ...BASELINE,
      "n",
      "presence_penalty",
      "frequency_penalty",
      "parallel_tool_calls",
      "prediction",
      "reasoning_effort",
      "prompt_cache_key",
      "prompt_mode",
      "safe_prompt",
      "random_seed",
    ],
    refusesInMessages: ["reasoning_content"],
    renames: new Map([["seed", "random_seed"]]),
    streamOptions: false,
    nineIds: true,
  },
  {
    ...TAKES_ALL,
    name: "deepseek",
    hosts: ["api.deepseek.com"],
    thinking: "required-or-disabled",
    effort: "thinking-type",
  },
  {
    ...TAKES_ALL,
    name: "kimi",
    hosts: ["api.moonshot.ai", "api.moonshot.cn"],
    thinking: "required-or-dot",
    effort: "thinking-type",
  },
  {
    ...TAKES_ALL,
    name: "openrouter",
    hosts: ["openrouter.ai"],
    effort: "reasoning-object",
    cacheControl: true,
  },
  { ...TAKES_ALL, name: "ollama", hosts: [] },
  {
    ...TAKES_ALL,
    name: "baseline",
    hosts: [],
    takes: BASELINE,
    streamOptions: false,
    effort: "none",
  },
];

const BY_NAME: ReadonlyMap<string, Dialect> = new Map(DIALECTS.map((dialect) => [dialect.name, dialect]));

/** Members cut without a warning: they change cost or bookkeeping, never the answer. */
const HINTS = new Set([
  "store",
  "metadata",
  "prompt_cache_key",
  "prompt_cache_options",
  "prompt_cache_retention",
  "safety_identifier",
  "user",
  "service_tier",
  "stream_options",
  "verbosity",
]);

export function isHint(member: string): boolean {
  return HINTS.has(member);
}

/** The members every server takes. */
export function isBaseline(member: string): boolean {
  return BASELINE.includes(member);
}

/**
 * The dialect's data. `unknown` = `auto` at a host nobody knows: the gateway writes baseline members, the client's own
 * pass until they are refused.
 */
export function dialectNamed(name: string): Dialect {
  return BY_NAME.get(name) ?? TAKES_ALL;
}

/** The dialect's name by the upstream's host, for `dialect = "auto"`; "unknown" when no row names it. */
export function dialectOfHost(host: string, port = 0): string {
  if (port === 11434) return "ollama";
  const lower = host.toLowerCase();
  const found = DIALECTS.find((dialect) =>
    dialect.hosts.some((known) => (known.startsWith(".") ? lower.endsWith(known) : lower === known)),
  );
  return found?.name ?? "unknown";
}

/** Reasoning models of OpenAI: no stop, temperature, top_p (40-protocols 1.6). */
export function isReasoningModel(model: string): boolean {
  return /^(?:o\d|gpt-(?:[5-9]|\d\d)|codex)/.test(model.slice(model.lastIndexOf("/") + 1));
}

/**
 * Whether the model takes tools only on `/v1/responses` unless effort is none: gpt-5.4 and later; 5.5 and 5.6 also
 * when no effort is sent (40-protocols 1.10).
 */
export function needsResponses(model: string, hasTools: boolean, effort: string | undefined): boolean {
  if (!hasTools || effort === "none") return false;
  const found = /^gpt-(\d+)(?:\.(\d+))?/.exec(model.slice(model.lastIndexOf("/") + 1));
  if (found === null) return false;
  const major = Number(found[1]);
  const minor = Number(found[2] ?? 0);
  if (major < 5 || (major === 5 && minor < 4)) return false;
  return effort !== undefined || major > 5 || minor >= 5;
}

/** Models that take explicit cache breakpoints (40-protocols 1.8). */
export function takesBreakpoints(model: string): boolean {
  const found = /^gpt-(\d+)(?:\.(\d+))?/.exec(model.slice(model.lastIndexOf("/") + 1));
  if (found === null) return false;
  const major = Number(found[1]);
  return major > 5 || (major === 5 && Number(found[2] ?? 0) >= 6);
}
