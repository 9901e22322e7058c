/** `sluice provider`: lists the running gateway's providers and turns their switches. */
import { type AddressOptions, askForJson, findEndpoint } from "./control.ts";
import { readStatus } from "./status-report.ts";
import { formatTable, print } from "./terminal.ts";

export async function listProviders(options: AddressOptions): Promise<void> {
  const { providers, targets } = readStatus(await askForJson(findEndpoint(options), "/status", null));
  const rows = providers.map(({ name, kind, private: isPrivate, offline }) => {
    const own = targets.filter(({ target }) => target.startsWith(`${name}/`));
    return [
      name,
      kind,
      isPrivate ? "own network" : "public",
      offline ? "offline" : "online",
      String(own.length),
    ];
  });
  print(formatTable([["PROVIDER", "KIND", "NETWORK", "STATE", "TARGETS"], ...rows]));
}

export async function switchProvider(
  name: string,
  action: "offline" | "online" | "reset",
  options: AddressOptions,
): Promise<void> {
  await askForJson(findEndpoint(options), `/admin/providers/${encodeURIComponent(name)}/${action}`, {});
  print(action === "reset" ? `${name} is reset` : `${name} is ${action}`);
}
