/** Takes the targets of switched-off providers out of the aliases: nobody downstream has to think of them. */
import type { KeyPath } from "./locate.ts";
import type { Config, ModelConfig } from "./schema.ts";

/** An alias whose targets are all gone stays, unusable: a caller who asks for it learns why. */
export function dropSwitchedOff(config: Config, warn: (path: KeyPath, message: string) => void): Config {
  const model = new Map<string, ModelConfig>();
  for (const [alias, entry] of config.model) {
    const targets = entry.targets.filter((target) => config.provider.get(target.provider)?.enabled === true);
    model.set(alias, targets.length === entry.targets.length ? entry : { ...entry, targets });
    const dropped = entry.targets.filter((target) => !targets.includes(target));
    if (dropped.length === 0) continue;
    const names = dropped.map((target) => `${target.provider}/${target.model}`).join(", ");
    const left = targets.length === 0 ? "; no target is left: it cannot be used" : "";
    warn(["model", alias], `goes without targets of providers that are switched off: ${names}${left}`);
  }
  return { ...config, model };
}
