/** Configuration text of one provider per protocol at a scripted upstream, for gateways under test. */
import type { ScriptedUpstream } from "./scripted-upstream.ts";

export type UpstreamKind = "openai" | "responses" | "anthropic" | "gemini" | "cohere";

/** `[provider.<name>]` for an upstream of that protocol. */
export function providerToml(name: string, kind: UpstreamKind, url: string, extra = ""): string {
  const head = `[provider.${name}]\napi_key = "${name}-secret"\n`;
  switch (kind) {
    case "openai":
      return `${head}base_url = "${url}/v1"\n${extra}\n`;
    case "responses":
      return `${head}base_url = "${url}/v1"\nresponses_api = true\n${extra}\n`;
    default:
      return `${head}protocol = "${kind}"\nbase_url = "${url}"\n${extra}\n`;
  }
}

/** An alias over these targets, in order. */
export function aliasToml(
  alias: string,
  targets: readonly (readonly [string, string])[],
  extra = "",
): string {
  const list = targets
    .map(([provider, model]) => `{ provider = "${provider}", model = "${model}" }`)
    .join(", ");
  return `[model."${alias}"]\nstrategy = "failover"\ntargets = [${list}]\n${extra}\n`;
}

/** The JSON body of the last request an upstream got. */
export function lastAsked(upstream: ScriptedUpstream): Record<string, unknown> {
  const request = upstream.requests.at(-1);
  if (request === undefined) throw new Error("the upstream was not asked");
  return request.json() as Record<string, unknown>;
}
