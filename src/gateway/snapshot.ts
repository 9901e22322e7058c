/** Compiles a configuration into what requests use: providers with their heads written, aliases with their targets. */
import type { Time } from "../base/clock.ts";
import { LruMap } from "../base/lru-map.ts";
import { effectiveRetry, effectiveTimeouts } from "../config/effective.ts";
import { providerIdentity, targetIdentity } from "../config/identity.ts";
import { lookupPrice } from "../config/prices.ts";
import type { Config, ModelConfig, ProviderConfig, TargetConfig } from "../config/schema.ts";
import { dialectOfHost } from "../protocols/openai-chat/dialects.ts";
import type { ProviderFacts } from "../providers/provider.ts";
import { KINDS } from "../providers/registry.ts";
import type { Origin, UpstreamClient } from "../upstream/client.ts";
import { originOf } from "../upstream/origin.ts";
import { parseProxy, proxyFor } from "../upstream/proxy.ts";
import { createDemoTransport } from "./demo-transport.ts";
import { createGoogleTokenSource } from "./google-token-source.ts";
import type { Alias, Provider, RetryRules, Target } from "./target.ts";

/** One configuration, ready. Requests keep the one they began with. */
export interface Snapshot {
  readonly config: Config;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly aliases: readonly Alias[];
  readonly prefixes: readonly string[];
  /** Identities of all configured targets. */
  readonly identities: readonly string[];
  /** The alias a model name stands for; null = none. */
  resolve(model: string): Alias | null;
  /** This provider asked for this model, as an alias of its own; null = no such provider is on. */
  direct(provider: string, model: string): Alias | null;
  providerOfPrefix(prefix: string): Provider | null;
  /** When it was compiled, seconds since 1970. */
  readonly loadedAt: number;
}

export interface SnapshotOptions {
  readonly config: Config;
  readonly time: Time;
  readonly upstream: UpstreamClient;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
}

/** Aliases made up on the fly (`provider/model`, patterns) that are remembered. */
const MADE_UP_ALIASES = 256;
/** The demo provider is no network: its origin only names it. */
const DEMO_ORIGIN: Origin = {
  key: "demo",
  tls: false,
  host: "demo",
  port: 0,
  ca: [],
  proxy: null,
  maxConnections: 1,
};

/** Throws an Error with a message for the operator when a CA file cannot be read. */
export function compileSnapshot(options: SnapshotOptions): Snapshot {
  const { config } = options;
  const providers = new Map<string, Provider>();
  for (const provider of config.provider.values()) {
    if (provider.enabled) providers.set(provider.name, compileProvider(provider, options));
  }
  const exact = new Map<string, Alias>();
  const patterns: { readonly head: string; readonly tail: string; readonly model: ModelConfig }[] = [];
  for (const model of config.model.values()) {
    const star = model.alias.indexOf("*");
    if (star < 0) exact.set(model.alias, compileAlias(config, model, providers, model.alias));
    else patterns.push({ head: model.alias.slice(0, star), tail: model.alias.slice(star + 1), model });
  }
  patterns.sort((a, b) => b.head.length + b.tail.length - (a.head.length + a.tail.length));
  const madeUp = new LruMap<Alias>(MADE_UP_ALIASES);

  const make = (name: string): Alias | null => {
    const slash = name.indexOf("/");
    if (slash > 0) {
      const provider = config.provider.get(name.slice(0, slash));
      const model = name.slice(slash + 1);
      if (provider !== undefined && providers.has(provider.name) && model !== "") {
        return directAlias(config, providers, provider, model);
      }
    }
    for (const { head, tail, model } of patterns) {
      if (name.length >= head.length + tail.length && name.startsWith(head) && name.endsWith(tail)) {
        return compileAlias(config, model, providers, name);
      }
    }
    for (const provider of config.provider.values()) {
      if (providers.has(provider.name) && provider.models.includes(name)) {
        return directAlias(config, providers, provider, name);
      }
    }
    return null;
  };

  return {
    config,
    providers,
    aliases: [...exact.values()],
    prefixes: [...providers.values()].map((provider) => provider.prefix).filter((prefix) => prefix !== ""),
    identities: [...exact.values()].flatMap((alias) => alias.targets.map((target) => target.identity)),
    resolve(name) {
      const known = exact.get(name);
      if (known !== undefined) return known;
      const now = options.time.clock.now();
      const remembered = madeUp.get(name, now);
      if (remembered !== undefined) return remembered;
      const alias = make(name);
      if (alias !== null) madeUp.set(name, alias, now);
      return alias;
    },
    direct(name, model) {
      const provider = config.provider.get(name);
      if (provider === undefined || !providers.has(name)) return null;
      return directAlias(config, providers, provider, model);
    },
    loadedAt: Math.floor(options.time.clock.wall() / 1000),
    providerOfPrefix(prefix) {
      for (const provider of providers.values()) if (provider.prefix === prefix) return provider;
      return null;
    },
  };
}

function compileProvider(config: ProviderConfig, options: SnapshotOptions): Provider {
  const { time, upstream, version, env, readFile } = options;
  const kind = KINDS[config.kind];
  const url = new URL(config.baseUrl);
  const facts: ProviderFacts = {
    name: config.name,
    kind: config.kind,
    basePath: url.pathname.replace(/\/$/, ""),
    host: url.hostname,
    apiKey: config.apiKey ?? "",
    responsesApi: config.responsesApi,
    apiVersion: "apiVersion" in config ? config.apiVersion : "",
    projectId: config.kind === "vertex_ai" ? config.projectId : "",
    location: config.kind === "vertex_ai" ? config.location : "",
  };
  const origin = config.kind === "demo" ? DEMO_ORIGIN : compileOrigin(config, url, env, readFile);
  const own = Object.entries(config.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const lines = [
    `user-agent: ${config.userAgent ?? `sluice/${version}`}\r\n`,
    kind.credentials(facts),
    ...own.map(([name, value]) => `${name}: ${value}\r\n`),
  ];
  const fixed = new Set(own.map(([name]) => name));
  const dialect = config.dialect === "auto" ? dialectOfHost(url.hostname, Number(url.port)) : config.dialect;
  return {
    name: config.name,
    identity: providerIdentity(config),
    kind,
    facts,
    origin,
    transport:
      config.kind === "demo"
        ? createDemoTransport(
            { latency: config.latency, tokensPerSecond: config.tokensPerSecond, errorRate: config.errorRate },
            time,
          )
        : upstream,
    constantHeaders: lines.join(""),
    defaultHeaders: config.kind === "anthropic" ? ["anthropic-version", config.version] : kind.defaultHeaders,
    forward: {
      vendor: kind.vendor,
      ownUserAgent: true,
      knownBetasOnly: config.kind === "bedrock",
      extra: config.forwardHeaders.map((name) => name.toLowerCase()),
      fixed,
    },
    private: config.private,
    dialect: config.kind === "ollama" ? "ollama" : config.kind === "azure_openai" ? "openai" : dialect,
    thinkTags: config.thinkTags,
    extraBody: Object.entries(config.extraBody).map(([name, value]) => ({
      name,
      json: JSON.stringify(value),
    })),
    labels:
      config.kind === "vertex_ai" && config.attribution
        ? Object.entries(options.config.attribution).filter(([, value]) => value !== "")
        : [],
    models: config.models,
    prefix: config.prefix,
    retryBudget: options.config.retry.budget,
    token:
      config.kind === "vertex_ai" && facts.apiKey === ""
        ? createGoogleTokenSource({ time, upstream, credentials: config.credentials, env, readFile })
        : null,
  };
}

function compileOrigin(
  config: ProviderConfig,
  url: URL,
  env: SnapshotOptions["env"],
  readFile: SnapshotOptions["readFile"],
): Origin {
  const plain = originOf(url);
  const proxy =
    config.proxy === null ? proxyFor(env, plain) : config.proxy === "" ? null : parseProxy(config.proxy);
  return originOf(url, {
    ca: config.caFile === null ? [] : [readFile(config.caFile)],
    proxy,
    maxConnections: config.maxConnections,
  });
}

function compileAlias(
  config: Config,
  model: ModelConfig,
  providers: ReadonlyMap<string, Provider>,
  asked: string,
): Alias {
  const targets: Target[] = [];
  for (const target of model.targets) {
    const provider = config.provider.get(target.provider);
    const ready = providers.get(target.provider);
    if (provider === undefined || ready === undefined) continue;
    const name = target.model === "$model" ? asked : target.model;
    targets.push(compileTarget(config, model, provider, ready, name, target));
  }
  return {
    name: model.alias,
    targets,
    strategy: model.strategy,
    retry: compileRetry(config, model, targets.length),
    sticky: model.sticky === "auto",
    hedge: model.hedge,
    continuation: model.continuation,
    privateOnly: model.privateOnly,
    strict: model.strict,
    echoAlias: model.echoAlias,
    fastTier: model.fastTier,
  };
}

/** A target the caller named itself. */
function directAlias(
  config: Config,
  providers: ReadonlyMap<string, Provider>,
  provider: ProviderConfig,
  model: string,
): Alias {
  const ready = providers.get(provider.name);
  return {
    name: "",
    targets: ready === undefined ? [] : [compileTarget(config, null, provider, ready, model, null)],
    strategy: "failover",
    retry: compileRetry(config, null, 1),
    sticky: false,
    hedge: null,
    continuation: true,
    privateOnly: false,
    strict: false,
    echoAlias: false,
    fastTier: false,
  };
}

function compileTarget(
  config: Config,
  model: ModelConfig | null,
  provider: ProviderConfig,
  ready: Provider,
  name: string,
  target: TargetConfig | null,
): Target {
  const price = target?.price ?? lookupPrice(config, provider.name, name);
  return {
    identity: targetIdentity(provider, name),
    provider: ready,
    model: name,
    label: `${provider.name}/${name}`,
    weight: target?.weight ?? 1,
    price:
      price === null ? null : { input: price.input, output: price.output, cachedInput: price.cachedInput },
    maxContext: target?.maxContext ?? 0,
    tools: target?.tools ?? null,
    images: target?.images ?? null,
    jsonSchema: target?.jsonSchema ?? null,
    prefill: target?.prefill ?? false,
    capability: {
      ...(target?.maxTokens == null ? {} : { maxTokens: target.maxTokens }),
      ...(target?.maxContext == null ? {} : { maxInputTokens: target.maxContext }),
      ...(target?.prefill == null ? {} : { prefill: target.prefill }),
      ...(target?.images == null ? {} : { images: target.images }),
      ...(target?.jsonSchema == null ? {} : { jsonSchema: target.jsonSchema }),
    },
    timeouts: effectiveTimeouts(config, model, provider),
  };
}

function compileRetry(config: Config, model: ModelConfig | null, targets: number): RetryRules {
  return effectiveRetry(config, model, targets);
}
