/** Compiles a configuration into what requests use: providers with their heads written, aliases with their targets. */
import type { Time } from "../base/clock.ts";
import { LruMap } from "../base/lru-map.ts";
import type { Config, ModelConfig } from "../config/schema.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import { compileAlias, directAlias } from "./compile-alias.ts";
import { compileProvider } from "./compile-provider.ts";
import type { Alias, Provider } from "./target.ts";

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
