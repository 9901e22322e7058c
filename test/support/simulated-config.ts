/** Configurations for simulated gateways: providers on hosts that exist only in the fake network. */

export interface SimulatedAlias {
  readonly strategy?: "latency" | "failover" | "price" | "weighted";
  /** Provider names in order; `claude-…` ones speak Anthropic. */
  readonly providers: readonly string[];
  /** TOML lines of the alias. */
  readonly alias?: string;
  /** TOML of the rest of the file. */
  readonly extra?: string;
  /** Members of a provider's target, as TOML. */
  readonly target?: Readonly<Record<string, string>>;
  readonly isPrivate?: readonly string[];
}

/** An alias `m` over providers named after their hosts: `a` is `https://a.invalid`. */
export function simulatedConfig(options: SimulatedAlias): string {
  const { providers, strategy = "failover", alias = "", extra = "", target = {}, isPrivate = [] } = options;
  const sections = providers.map((name) => {
    const speaks = name.startsWith("claude") ? 'protocol = "anthropic"\n' : "";
    const base = name.startsWith("claude") ? "" : "/v1";
    return `[provider.${name}]\n${speaks}base_url = "https://${name}.invalid${base}"\napi_key = "key-${name}"\nprivate = ${isPrivate.includes(name)}\n`;
  });
  const targets = providers.map((name) => {
    const more = target[name] === undefined ? "" : `, ${target[name]}`;
    return `{ provider = "${name}", model = "model-${name}"${more} }`;
  });
  return `${extra}\n${sections.join("\n")}\n[model.m]\nstrategy = "${strategy}"\ntargets = [${targets.join(", ")}]\n${alias}\n`;
}

/** The provider a fake request went to. */
export function providerOf(host: string): string {
  return host.replace(".invalid", "");
}
