/** Local servers that count as providers on the internet: the deadlines of private ones are longer. */

/** TOML of an alias `m` (failover) over providers a, b, c… at these URLs, nothing tuned. `targets`: members by provider. */
export function publicAlias(
  urls: readonly string[],
  targets: Readonly<Record<string, string>> = {},
  extra = "",
): string {
  const names = urls.map((_, index) => String.fromCharCode(97 + index));
  const providers = names.map(
    (name, index) =>
      `[provider.${name}]\nbase_url = "${urls[index]}/v1"\napi_key = "key-${name}"\nprivate = false\n`,
  );
  const list = names.map((name) => {
    const more = targets[name] === undefined ? "" : `, ${targets[name]}`;
    return `{ provider = "${name}", model = "model-${name}"${more} }`;
  });
  return `${extra}\n${providers.join("\n")}\n[model.m]\nstrategy = "failover"\ntargets = [${list.join(", ")}]\n`;
}
