/** What a valid configuration holds, as the table `sluice validate` prints. */

import type { Config, ProviderConfig } from "./schema.ts";
import { withoutCredentials } from "./secrets.ts";

/** Providers with the state of their keys, aliases with their targets; plain text, ends with a line end. */
export function summarise(config: Config): string {
  const providers = [...config.provider.values()];
  const models = [...config.model.values()];
  const targets = models.reduce((sum, model) => sum + model.targets.length, 0);
  const keys = providers.filter((provider) => provider.apiKey !== null && provider.apiKey !== "").length;
  const lines = [
    ...table(
      ["PROVIDER", "KIND", "BASE URL", "KEY", "STATE"],
      providers.map((provider) => [
        provider.name,
        provider.kind,
        withoutCredentials(provider.baseUrl),
        keyState(provider),
        providerState(provider),
      ]),
    ),
    "",
    ...table(
      ["MODEL", "STRATEGY", "TARGETS"],
      models.map((model) => [
        model.alias,
        model.strategy,
        model.targets.length === 0
          ? "none that can be used"
          : model.targets.map((target) => `${target.provider}/${target.model}`).join(", "),
      ]),
    ),
    "",
    `${count(providers.length, "provider")}, ${count(models.length, "model")}, ${count(targets, "target")}, ${count(keys, "key")} found`,
  ];
  return `${lines.join("\n")}\n`;
}

function keyState(provider: ProviderConfig): string {
  if (provider.apiKey === null) return "none";
  return provider.apiKey === "" ? "empty" : "found";
}

function providerState(provider: ProviderConfig): string {
  if (provider.off === "no_key") return "off: no key";
  if (provider.off === "disabled") return "off";
  return provider.private ? "on, own network" : "on";
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
