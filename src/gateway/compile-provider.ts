/** A provider of the configuration as requests use it: its origin, and the heads of its requests written. */
import { providerIdentity } from "../config/identity.ts";
import type { ProviderConfig } from "../config/schema.ts";
import { KnownAnswers } from "../protocols/known-answers.ts";
import { dialectOfHost } from "../protocols/openai-chat/dialects.ts";
import type { ProviderFacts } from "../providers/provider.ts";
import { KINDS } from "../providers/registry.ts";
import type { Origin } from "../upstream/client.ts";
import { originOf } from "../upstream/origin.ts";
import { parseProxy, proxyFor } from "../upstream/proxy.ts";
import { createDemoTransport } from "./demo-transport.ts";
import { createGoogleTokenSource } from "./google-token-source.ts";
import { HeadMemory } from "./head-memory.ts";
import type { SnapshotOptions } from "./snapshot.ts";
import type { Provider } from "./target.ts";

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
export function compileProvider(config: ProviderConfig, options: SnapshotOptions): Provider {
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
    heads: new HeadMemory(),
    answers: new KnownAnswers(),
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
