/** The one description of config.toml: every key, its default and its rule. All types of the configuration come from here. */
import * as v from "valibot";
import { admin, auth, budget, policy } from "./schema-access.ts";
import { model, price, strategy } from "./schema-model.ts";
import { provider } from "./schema-provider.ts";
import { circuit, retry, timeouts } from "./schema-timing.ts";
import * as form from "./text-forms.ts";
import * as is from "./values.ts";

const server = is.section({
  host: is.unset(form.address),
  bind_family: v.optional(is.oneOf("dual", "ipv4", "ipv6"), "dual"),
  port: v.optional(is.integer(0, 65_535), 4000),
  metrics_listen: is.unset(form.listenAddress),
  cors_origins: v.optional(v.array(form.origin, "a list of origins"), []),
  host_names: v.optional(v.array(form.hostName, "a list of host names"), []),
  lan_interfaces: v.optional(v.array(form.word, "a list of interface names"), []),
  engine: v.optional(is.oneOf("auto", "hyper-express", "node"), "auto"),
  tls_cert: is.unset(form.path),
  tls_key: is.unset(form.path),
  trusted_proxies: v.optional(v.array(form.cidr, "a list of CIDRs"), []),
  drain_timeout: v.optional(is.duration, "30s"),
});

const limits = is.section({
  max_request_bytes: v.optional(is.size(1024), "32MiB"),
  max_buffered_bytes: v.optional(is.auto(is.size(65_536), 'a size such as "256MiB", or "auto"'), "auto"),
  max_response_bytes: v.optional(is.size(1024), "32MiB"),
  max_connections: v.optional(is.integer(1, 1e6), 1024),
  max_connections_per_client: v.optional(is.integer(1, 1e6), 128),
  max_streams_per_client: v.optional(is.integer(1, 1e6), 64),
  stream_buffer_bytes: v.optional(is.size(1024), "64KiB"),
});

const routing = is.section({
  strategy: v.optional(strategy, "latency"),
  default_provider: v.optional(is.text, ""),
  ewma_alpha: v.optional(is.positive(1), 0.3),
  exploit_k: v.optional(is.number(0, 100), 3),
  error_threshold: v.optional(is.number(0, 1), 0.5),
});

const cache = is.section({
  enabled: v.optional(is.bool, false),
  max_items: v.optional(is.integer(1, 1e7), 5000),
  max_bytes: v.optional(is.size(1024), "16MiB"),
  ttl: v.optional(is.delay, "2h"),
  deterministic_only: v.optional(is.bool, true),
});

const telemetry = is.section({
  otlp_endpoint: v.optional(form.urlOrEmpty, ""),
  otlp_headers: v.optional(form.headers, {}),
  queue_size: v.optional(is.integer(1, 1e6), 1024),
  trace_ring: v.optional(is.integer(0, 1e6), 1000),
  trace_ring_bytes: v.optional(is.size(0), "4MiB"),
  capture_content: v.optional(is.bool, false),
});

const log = is.section({
  level: v.optional(is.oneOf("trace", "debug", "info", "warn", "error"), "info"),
  format: v.optional(is.oneOf("auto", "pretty", "json"), "auto"),
});

const sections = is.section({
  server: v.optional(server, {}),
  limits: v.optional(limits, {}),
  timeouts: v.optional(timeouts, {}),
  retry: v.optional(retry, {}),
  circuit: v.optional(circuit, {}),
  routing: v.optional(routing, {}),
  provider: v.optional(
    is.named(provider, "is no provider name; allowed: letters, digits, dots, _ and -, at most 64", (name) =>
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name),
    ),
    {},
  ),
  model: v.optional(
    is.named(
      model,
      'is no alias; allowed: 1 to 128 printable characters without white space, at most one "*"',
      (name) => /^[!-~]{1,128}$/.test(name) && name.split("*").length <= 2,
    ),
    {},
  ),
  prices: v.optional(is.named(price), {}),
  auth: v.optional(auth, {}),
  admin: v.optional(admin, {}),
  policy: v.optional(v.array(policy, "a list of tables ([[policy]])"), []),
  budget: v.optional(v.array(budget, "a list of tables ([[budget]])"), []),
  cache: v.optional(cache, {}),
  state: v.optional(is.section({ file: v.optional(is.text, "") }), {}),
  telemetry: v.optional(telemetry, {}),
  console: v.optional(is.section({ enabled: v.optional(is.bool, true) }), {}),
  log: v.optional(log, {}),
  attribution: v.optional(is.named(is.text), {}),
});

type Sections = v.InferOutput<typeof sections>;

/** What one section decides for another: the default strategy, who may call without a key. */
function resolve(file: Sections) {
  const keyed = file.auth.keys.length > 0 || file.auth.jwt.length > 0;
  return {
    ...file,
    auth: { ...file.auth, anonymous: file.auth.anonymous ?? (keyed ? "none" : "lan") },
    /** By name, in the order of the file. */
    provider: mapOf(file.provider, (entry, name) => ({ name, ...entry })),
    /** By alias, in the order of the file. */
    model: mapOf(file.model, (entry, alias) => ({
      alias,
      ...entry,
      strategy: entry.strategy ?? file.routing.strategy,
    })),
    prices: mapOf(file.prices, (entry) => entry),
  };
}

function mapOf<T, R>(record: Record<string, T>, make: (entry: T, name: string) => R): ReadonlyMap<string, R> {
  return new Map(Object.entries(record).map(([name, entry]) => [name, make(entry, name)]));
}

/** The whole file: what TOML gave, with variables filled in, to the configuration everybody reads. */
export const configSchema = v.pipe(sections, v.transform(resolve));

/** Read-only all the way down; `load.ts` freezes what this says. Byte arrays and functions do not occur in it. */
export type Frozen<T> =
  T extends ReadonlyMap<infer K, infer V>
    ? ReadonlyMap<K, Frozen<V>>
    : T extends object
      ? { readonly [K in keyof T]: Frozen<T[K]> }
      : T;

/**
 * The configuration as everybody sees it: durations are milliseconds, sizes bytes, unset keys null, providers and
 * aliases maps in file order. Keys are the file's, in camelCase; names that users choose stay as written.
 */
export type Config = Frozen<v.InferOutput<typeof configSchema>>;

type ValueOf<M> = M extends ReadonlyMap<string, infer V> ? V : never;

export type ProviderConfig = ValueOf<Config["provider"]>;
export type ModelConfig = ValueOf<Config["model"]>;
export type TargetConfig = ModelConfig["targets"][number];
export type PriceConfig = ValueOf<Config["prices"]>;
export type RoutingConfig = Config["routing"];
export type AuthConfig = Config["auth"];
export type AuthKeyConfig = AuthConfig["keys"][number];
export type JwtConfig = AuthConfig["jwt"][number];
export type LogConfig = Config["log"];
