/** An alias of the configuration as requests use it: its targets with all that is known of them, and its rules. */
import { effectiveRetry, effectiveTimeouts } from "../config/effective.ts";
import { targetIdentity } from "../config/identity.ts";
import { lookupPrice } from "../config/prices.ts";
import type { Config, ModelConfig, ProviderConfig, TargetConfig } from "../config/schema.ts";
import type { Alias, Provider, RetryRules, Target } from "./target.ts";

/** `asked`: the name the caller used, which a pattern stands for. */
export function compileAlias(
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
    stateKey: `${model.alias}\n${model.strategy}\n`,
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
export function directAlias(
  config: Config,
  providers: ReadonlyMap<string, Provider>,
  provider: ProviderConfig,
  model: string,
): Alias {
  const ready = providers.get(provider.name);
  const targets = ready === undefined ? [] : [compileTarget(config, null, provider, ready, model, null)];
  return {
    name: "",
    stateKey: `\nfailover\n${targets[0]?.label ?? ""}`,
    targets,
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
  const timeouts = effectiveTimeouts(config, model, provider);
  return {
    identity: targetIdentity(provider, name),
    provider: ready,
    model: name,
    label: `${provider.name}/${name}`,
    printable: { model: printable(name), label: printable(`${provider.name}/${name}`) },
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
    timeouts,
    deadlines: { connect: timeouts.connect, firstByte: 0, idle: 0, total: 0 },
  };
}

function compileRetry(config: Config, model: ModelConfig | null, targets: number): RetryRules {
  return effectiveRetry(config, model, targets);
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}
