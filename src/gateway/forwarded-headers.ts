/** Which headers travel to the upstream: an open list by prefix, never a credential of the caller (20-http.md, Headers). */
import { CONNECTION_HEADERS, type HeaderList, headerValue } from "../base/headers.ts";
import { cloudBetas } from "../providers/claude-betas.ts";
import type { Provider } from "./target.ts";

type Vendor = "openai" | "anthropic" | "google" | "cohere" | "ollama";

const EXACT: ReadonlySet<string> = new Set([
  "accept",
  "idempotency-key",
  "traceparent",
  "tracestate",
  "originator",
  "session_id",
  "conversation_id",
  "http-referer",
  "x-title",
  "x-client-name",
]);

const GENERAL_PREFIXES = ["x-stainless-", "x-codex-"];

/** Headers that only an upstream of that vendor's protocol may see. */
const VENDOR_PREFIXES: Readonly<Record<string, Vendor>> = {
  "openai-": "openai",
  "anthropic-": "anthropic",
  "x-goog-": "google",
};

/** Never sent, whatever a provider's `forward_headers` says. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  "authorization",
  "x-api-key",
  "api-key",
  "x-goog-api-key",
  "cookie",
  "host",
  ...CONNECTION_HEADERS,
  "content-length",
  "expect",
  "accept-encoding",
  "forwarded",
  "via",
  "origin",
  "referer",
]);
const FORBIDDEN_PREFIXES = ["x-sluice-", "x-forwarded-", "sec-", "cf-"];

export interface ForwardRules {
  readonly vendor: Vendor;
  /** The provider's own `user_agent` is set: the caller's is dropped. */
  readonly ownUserAgent: boolean;
  /** Lower case. */
  readonly extra: readonly string[];
  /** Clouds that serve Claude refuse betas they do not know. */
  readonly knownBetasOnly: boolean;
  /** Lower case: what the provider's constant headers already hold. */
  readonly fixed: ReadonlySet<string>;
}

/** True when the caller's header of that (lower case) name goes to this upstream. */
export function isForwarded(name: string, rules: ForwardRules): boolean {
  if (FORBIDDEN.has(name) || rules.fixed.has(name)) return false;
  if (EXACT.has(name)) return true;
  if (name === "user-agent") return !rules.ownUserAgent;
  for (const prefix of FORBIDDEN_PREFIXES) if (name.startsWith(prefix)) return false;
  if (rules.extra.includes(name)) return true;
  for (const prefix of GENERAL_PREFIXES) if (name.startsWith(prefix)) return true;
  for (const prefix in VENDOR_PREFIXES) {
    if (name.startsWith(prefix)) return VENDOR_PREFIXES[prefix] === rules.vendor;
  }
  return false;
}

/** Header lines `name: value\r\n` of what is forwarded. Values come from a parsed request: free of CR, LF and NUL. */
export function forwardHeaders(headers: HeaderList, rules: ForwardRules): string {
  let lines = "";
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? "";
    if (!isForwarded(name, rules)) continue;
    const value =
      name === "anthropic-beta" && rules.knownBetasOnly ? filterBetas(headers[i + 1] ?? "") : headers[i + 1];
    if (value !== "") lines += `${name}: ${value ?? ""}\r\n`;
  }
  return lines;
}

function filterBetas(value: string): string {
  return cloudBetas(value, "bedrock").join(",");
}

/** Raw pass-through: everything but hop-by-hop, Host and credentials; encodings pass, nothing is decoded. */
export function forwardAllHeaders(headers: HeaderList, fixed: ReadonlySet<string>): string {
  let lines = "";
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? "";
    if (fixed.has(name)) continue;
    if (FORBIDDEN.has(name) && name !== "accept-encoding" && name !== "referer" && name !== "origin")
      continue;
    if (name.startsWith("x-sluice-") || name.startsWith("x-forwarded-")) continue;
    lines += `${name}: ${headers[i + 1] ?? ""}\r\n`;
  }
  return lines;
}

/** What a body can be that was read here. `curl -d` calls JSON a form, and upstreams believe it. */
const BODY_TYPES = /^(?:multipart\/form-data|application\/(?:[\w.-]+\+)?json)\b/i;

/** Header lines of a request to this provider: what is forwarded, no encoding but the plain one, the vendor's own. */
export function targetHeaders(headers: HeaderList, provider: Provider): string {
  return provider.heads.recall(headers) ?? writeTargetHeaders(headers, provider);
}

function writeTargetHeaders(headers: HeaderList, provider: Provider): string {
  const { forward, defaultHeaders } = provider;
  let lines = `${forwardHeaders(headers, forward)}accept-encoding: identity\r\n`;
  if (!forward.fixed.has("content-type")) {
    const type = headerValue(headers, "content-type");
    lines += `content-type: ${BODY_TYPES.test(type) ? type : "application/json"}\r\n`;
  }
  for (let i = 0; i < defaultHeaders.length; i += 2) {
    const name = defaultHeaders[i] ?? "";
    if (headerValue(headers, name) === "" && !forward.fixed.has(name)) {
      lines += `${name}: ${defaultHeaders[i + 1]}\r\n`;
    }
  }
  const counts = (name: string) =>
    name === "content-type" || defaultHeaders.includes(name) || isForwarded(name, forward);
  provider.heads.keep(headers, counts, lines);
  return lines;
}
