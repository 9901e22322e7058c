/** `[provider.X]`: its keys, and what is worked out of them: kind, protocol, base URL, whether it is on the own network. */
import * as v from "valibot";
import { camelKeys } from "./camel-keys.ts";
import { isPrivateHost } from "./private-host.ts";
import { rateLimit } from "./schema-rates.ts";
import { timeoutOverrides } from "./schema-timing.ts";
import * as form from "./text-forms.ts";
import * as is from "./values.ts";

const keys = is.table({
  protocol: is.unset(is.oneOf("openai", "anthropic", "gemini", "cohere")),
  base_url: is.unset(form.baseUrl),
  api_key: is.unset(form.credential),
  enabled: v.optional(is.bool, true),
  models: v.optional(v.array(form.modelId, "a list of model ids"), []),
  headers: v.optional(form.headers, {}),
  extra_body: v.optional(form.members, {}),
  user_agent: is.unset(form.headerValue),
  forward_headers: v.optional(v.array(form.headerName, "a list of header names"), []),
  prefix: v.optional(form.prefix, ""),
  responses_api: is.unset(is.bool),
  dialect: v.optional(
    is.oneOf(
      "auto",
      "openai",
      "groq",
      "cerebras",
      "mistral",
      "deepseek",
      "kimi",
      "openrouter",
      "ollama",
      "baseline",
    ),
    "auto",
  ),
  rate_limit: rateLimit,
  max_connections: v.optional(is.integer(1, 65_535), 256),
  ca_file: is.unset(form.path),
  proxy: is.unset(form.proxyUrl),
  private: v.optional(is.auto(is.bool, 'true, false or "auto"'), "auto"),
  think_tags: v.optional(is.bool, false),
  timeouts: timeoutOverrides,
  azure_openai: is.unset(
    is.section({
      resource_name: form.label,
      api_version: v.optional(form.word, "2024-10-21"),
    }),
  ),
  vertex_ai: is.unset(
    is.section({
      project_id: form.word,
      location: v.optional(form.label, "us-central1"),
      attribution: v.optional(is.bool, false),
      credentials: v.optional(is.text, ""),
    }),
  ),
  google_ai: is.unset(is.section({ api_version: v.optional(form.word, "v1beta") })),
  anthropic: is.unset(is.section({ version: v.optional(form.word, "2023-06-01") })),
  bedrock: is.unset(is.section({ region: v.optional(form.label, "us-east-1") })),
  ollama: is.unset(is.section({ url: v.optional(form.baseUrl, "http://localhost:11434") })),
  demo: is.unset(
    is.section({
      latency: v.optional(is.duration, "20ms"),
      tokens_per_second: v.optional(is.positive(1e6), 50),
      error_rate: v.optional(is.number(0, 1), 0),
    }),
  ),
});

type Keys = v.InferOutput<typeof keys>;

const SHORTHANDS = [
  "azure_openai",
  "vertex_ai",
  "google_ai",
  "anthropic",
  "bedrock",
  "ollama",
  "demo",
] as const;

type Options<K extends (typeof SHORTHANDS)[number]> = Readonly<NonNullable<Keys[K]>>;

/** The vendor's kind and what it needs besides the common keys. */
type ProviderKind =
  | { readonly kind: "openai" | "cohere" | "ollama" }
  | ({ readonly kind: "azure_openai" } & Options<"azure_openai">)
  | ({ readonly kind: "vertex_ai" } & Options<"vertex_ai">)
  | ({ readonly kind: "google_ai" } & Options<"google_ai">)
  | ({ readonly kind: "anthropic" } & Options<"anthropic">)
  | ({ readonly kind: "bedrock" } & Options<"bedrock">)
  | ({ readonly kind: "demo" } & Options<"demo">);

type Protocol = NonNullable<Keys["protocol"]>;

/** `[protocol, base URL, kind]` of a shorthand, or of base_url and protocol. */
function placeOf(set: Keys): readonly [Protocol, string, ProviderKind] {
  if (set.azure_openai !== null) {
    const url = `https://${set.azure_openai.resourceName.toLowerCase()}.openai.azure.com`;
    return ["openai", url, { kind: "azure_openai", ...set.azure_openai }];
  }
  if (set.vertex_ai !== null)
    return ["gemini", vertexUrl(set.vertex_ai.location), { kind: "vertex_ai", ...set.vertex_ai }];
  if (set.google_ai !== null)
    return ["gemini", "https://generativelanguage.googleapis.com", { kind: "google_ai", ...set.google_ai }];
  if (set.anthropic !== null)
    return ["anthropic", "https://api.anthropic.com", { kind: "anthropic", ...set.anthropic }];
  if (set.bedrock !== null) {
    const url = `https://bedrock-mantle.${set.bedrock.region}.api.aws/anthropic`;
    return ["anthropic", url, { kind: "bedrock", ...set.bedrock }];
  }
  if (set.ollama !== null) return ["openai", `${set.ollama.url.replace(/\/v1$/, "")}/v1`, { kind: "ollama" }];
  if (set.demo !== null) return ["openai", DEMO_URL, { kind: "demo", ...set.demo }];

  const protocol = set.protocol ?? "openai";
  const url = set.base_url ?? "";
  switch (protocol) {
    case "openai":
      return [protocol, url, { kind: "openai" }];
    case "cohere":
      return [protocol, url, { kind: "cohere" }];
    case "gemini":
      return [protocol, url, { kind: "google_ai", apiVersion: "v1beta" }];
    case "anthropic":
      return [protocol, url, { kind: "anthropic", version: "2023-06-01" }];
  }
}

/** The demo provider answers in this process: its URL only names it. */
const DEMO_URL = "demo://local";

/** Host of a Vertex location (40-protocols.md, 5). */
function vertexUrl(location: string): string {
  if (location === "global") return "https://aiplatform.googleapis.com";
  if (location === "us" || location === "eu") return `https://aiplatform.${location}.rep.googleapis.com`;
  return `https://${location}-aiplatform.googleapis.com`;
}

/** A provider with everything worked out that its own keys decide. */
function resolveProvider(set: Keys) {
  const {
    azure_openai: _azure,
    vertex_ai: _vertex,
    google_ai: _google,
    anthropic: _anthropic,
    bedrock: _bedrock,
    ollama: _ollama,
    demo: _demo,
    protocol: _protocol,
    base_url: _url,
    ...common
  } = set;
  const [protocol, baseUrl, kind] = placeOf(set);
  const host = URL.canParse(baseUrl) ? new URL(baseUrl).hostname : "";
  const off: "disabled" | "no_key" | null = !set.enabled ? "disabled" : set.api_key === "" ? "no_key" : null;
  return {
    ...camelKeys(common),
    ...kind,
    protocol,
    /** Without a trailing slash. */
    baseUrl,
    /** False also for a provider whose key is empty; `off` says which. */
    enabled: off === null,
    off,
    private: set.private === "auto" ? kind.kind === "demo" || isPrivateHost(host) : set.private,
    responsesApi: set.responses_api ?? host === "api.openai.com",
  };
}

const WHERE = `needs base_url, or one of ${SHORTHANDS.join(", ")}`;

export const provider = v.pipe(
  keys,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const set = dataset.value;
    const used = SHORTHANDS.filter((shorthand) => set[shorthand] !== null);
    const given = set.base_url !== null ? "base_url" : set.protocol !== null ? "protocol" : null;
    if (used.length > 1) addIssue({ message: `found ${used.join(", ")}; allowed: one shorthand at most` });
    else if (used.length === 1 && given !== null)
      addIssue({
        message: `found ${used[0]} and ${given}; allowed: one of them, the shorthand decides protocol and base URL`,
      });
    else if (used.length === 0 && set.base_url === null && set.enabled) addIssue({ message: WHERE });
  }),
  v.transform(resolveProvider),
);
