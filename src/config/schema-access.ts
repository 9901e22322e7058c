/** Who may call and what they may spend: `[auth]`, `[admin]`, `[[policy]]`, `[[budget]]`. */
import * as v from "valibot";
import { budgetWindow, callerBudget, rateLimit } from "./schema-rates.ts";
import * as form from "./text-forms.ts";
import * as is from "./values.ts";

const authKey = is.section({
  id: form.name,
  key: is.unset(form.secretToken),
  key_sha256: is.unset(form.sha256),
  models: v.optional(is.texts, []),
  providers: v.optional(is.texts, []),
  rate_limit: rateLimit,
  budget: callerBudget,
  expires: is.unset(is.instant),
});

const jwtIssuer = is.section({
  id: form.name,
  key: is.unset(is.text),
  public_key: is.unset(is.text),
  jwks_url: is.unset(form.httpUrl),
  audience: v.optional(is.text, ""),
  issuer: v.optional(is.text, ""),
  models: v.optional(is.texts, []),
});

export const auth = is.section({
  anonymous: is.unset(is.oneOf("none", "loopback", "lan", "any")),
  keys: v.optional(v.array(authKey, "a list of tables ([[auth.keys]])"), []),
  anonymous_limits: v.optional(is.section({ rate_limit: rateLimit, budget: callerBudget }), {}),
  jwt: v.optional(v.array(jwtIssuer, "a list of tables ([[auth.jwt]])"), []),
});

export const admin = is.section({
  allow: v.optional(v.array(form.adminPeer, "a list of peers"), ["loopback"]),
  token: v.optional(is.text, ""),
});

export const policy = is.section({
  name: form.name,
  expression: is.textThat("a CEL expression", (value) => value.trim() !== "" && value.length <= 4096),
  action: is.oneOf("block", "alert", "downgrade"),
  to: v.optional(is.text, ""),
  priority: v.optional(is.integer(-1_000_000, 1_000_000), 100),
  enabled: v.optional(is.bool, true),
  description: v.optional(is.text, ""),
  window: v.optional(is.delay, "1m"),
  on_error: v.optional(is.oneOf("allow", "block"), "allow"),
});

const SCOPE = '"gateway" | "alias:<name>" | "tenant:<id>"';
const EXHAUSTED = '"reject" or "downgrade:<alias>"';
export const budget = is.section({
  scope: v.pipe(
    is.textThat(SCOPE, (value) => /^(?:gateway|alias:.+|tenant:.+)$/.test(value)),
    v.transform(readScope),
  ),
  usd: is.unset(is.number(0)),
  tokens: is.unset(is.integer(0)),
  window: v.optional(budgetWindow, "month"),
  on_exhausted: v.optional(
    v.pipe(
      is.textThat(EXHAUSTED, (value) => /^(?:reject|downgrade:.+)$/.test(value)),
      v.transform(readExhausted),
    ),
    "reject",
  ),
});

type BudgetScope =
  | { readonly kind: "gateway" }
  | { readonly kind: "alias" | "tenant"; readonly name: string };

function readScope(value: string): BudgetScope {
  const colon = value.indexOf(":");
  if (colon === -1) return { kind: "gateway" };
  return { kind: value.startsWith("alias") ? "alias" : "tenant", name: value.slice(colon + 1) };
}

type OnExhausted = { readonly kind: "reject" } | { readonly kind: "downgrade"; readonly to: string };

function readExhausted(value: string): OnExhausted {
  const colon = value.indexOf(":");
  return colon === -1 ? { kind: "reject" } : { kind: "downgrade", to: value.slice(colon + 1) };
}
