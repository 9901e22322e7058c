/** Rules of `[provider.X]` that one provider's schema cannot tell: names, headers, prefixes. */
import type { CheckInput, CheckReport } from "./check-report.ts";
import type { ProviderConfig } from "./schema.ts";

const MAX_PROVIDERS = 256;

/** Written by the HTTP client itself (RFC 9112), or the hop's own. */
const FRAMING = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "upgrade",
  "proxy-authorization",
  "proxy-connection",
  "expect",
]);

/** Never passed on from a caller (20-http.md, Headers). */
const CALLERS_OWN =
  /^(?:cookie|authorization|x-api-key|api-key|x-goog-api-key|forwarded|via|origin|referer|x-sluice-.*|x-forwarded-.*|sec-.*|cf-.*)$/;

/** The operator's paths: a prefix of the same length would win over them (20-http.md, Raw pass-through). */
const OPERATOR = /^\/(?:(?:health|healthz|ready|status|metrics|reload|api)$|(?:console|admin)(?:\/|$))/;

export function checkProviders(input: CheckInput, report: CheckReport): void {
  const providers = [...input.config.provider.values()];
  if (input.providerNames.size === 0) report.warn([], "has no provider: nothing can be answered");
  if (providers.length > MAX_PROVIDERS)
    report.error(["provider"], `found ${providers.length} providers; allowed: at most ${MAX_PROVIDERS}`);
  const prefixes = new Map<string, string>();
  for (const provider of providers) {
    checkHeaders(provider, report);
    checkCredential(provider, report);
    checkPrefix(provider, prefixes, report);
  }
}

function checkHeaders(provider: ProviderConfig, report: CheckReport): void {
  const seen = new Set<string>();
  for (const header of Object.keys(provider.headers)) {
    const lower = header.toLowerCase();
    const path = ["provider", provider.name, "headers", header];
    if (FRAMING.has(lower))
      report.error(path, "is a header the gateway writes itself; allowed: any other header");
    if (seen.has(lower)) report.error(path, "is there twice, in different spellings; allowed: once");
    seen.add(lower);
  }
  provider.forwardHeaders.forEach((header, index) => {
    const lower = header.toLowerCase();
    if (FRAMING.has(lower) || CALLERS_OWN.test(lower))
      report.error(
        ["provider", provider.name, "forward_headers", index],
        `found ${JSON.stringify(header)}, which is never forwarded; allowed: other headers`,
      );
  });
}

function checkCredential(provider: ProviderConfig, report: CheckReport): void {
  const path = ["provider", provider.name];
  if (provider.off === "no_key") report.warn([...path, "api_key"], "is empty: this provider is switched off");
  if (!provider.enabled) return;
  const needsKey = ["azure_openai", "google_ai", "anthropic", "bedrock"].includes(provider.kind);
  if (needsKey && provider.apiKey === null && !provider.private && Object.keys(provider.headers).length === 0)
    report.warn(path, "has no api_key: its requests carry no credential");
  if (provider.apiKey !== null && !provider.private && provider.baseUrl.startsWith("http://"))
    report.warn([...path, "base_url"], "is http:// and not on the own network: the key travels unencrypted");
}

function checkPrefix(provider: ProviderConfig, seen: Map<string, string>, report: CheckReport): void {
  const { name, prefix } = provider;
  if (prefix === "" || provider.off === "disabled") return;
  const path = ["provider", name, "prefix"];
  if (OPERATOR.test(prefix))
    report.error(
      path,
      `found ${JSON.stringify(prefix)}, a path of the gateway itself; allowed: another path`,
    );
  if (provider.kind === "demo")
    report.error(path, "found on the demo provider, which has no upstream; allowed: no prefix");
  const other = seen.get(prefix);
  if (other !== undefined)
    report.error(
      path,
      `found ${JSON.stringify(prefix)}, which provider ${other} has; allowed: a prefix of its own`,
    );
  else seen.set(prefix, name);
}
