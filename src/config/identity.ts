/** Names a target across reloads, so that what was learned about it is kept (10-config.md, Reload). */
import { createHash } from "node:crypto";
import type { ProviderConfig } from "./schema.ts";

/** Provider name, base URL, model and a hash of the credential: a new key or place is a new target. */
export function targetIdentity(provider: ProviderConfig, model: string): string {
  return `${provider.name}\n${provider.baseUrl}\n${model}\n${credentialHash(provider)}`;
}

/** The same without a model: for what belongs to the whole provider. */
export function providerIdentity(provider: ProviderConfig): string {
  return targetIdentity(provider, "");
}

function credentialHash(provider: ProviderConfig): string {
  const credential =
    provider.kind === "vertex_ai" ? `vertex ${provider.credentials}` : (provider.apiKey ?? "");
  return createHash("sha256").update(credential).digest("hex").slice(0, 16);
}
