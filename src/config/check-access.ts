/** Rules of `[auth]`, `[[policy]]` and `[[budget]]`: ids, secrets, and the aliases they name. */
import { createHash, createPublicKey } from "node:crypto";
import type { CheckInput, CheckReport } from "./check-report.ts";
import type { KeyPath } from "./locate.ts";
import { suggestion } from "./nearest.ts";
import { isPrivateHost } from "./private-host.ts";
import type { AuthKeyConfig, JwtConfig } from "./schema.ts";

/** RFC 7518 3.2: an HS256 key is at least as long as its hash. */
const MIN_HMAC_BYTES = 32;
/** NIST SP 800-131A. */
const MIN_RSA_BITS = 2048;

export function checkAccess(input: CheckInput, report: CheckReport): void {
  const ids = new Map<string, KeyPath>();
  const secrets = new Map<string, string>();
  const issuers = new Set<string>();
  input.config.auth.keys.forEach((key, index) => {
    const path = ["auth", "keys", index];
    checkId(key.id, path, ids, report);
    checkKey(key, path, secrets, input, report);
  });
  input.config.auth.jwt.forEach((jwt, index) => {
    const path = ["auth", "jwt", index];
    checkId(jwt.id, path, ids, report);
    checkJwt(jwt, path, issuers, report);
    checkAllowed(jwt.models, [...path, "models"], input, report);
  });
  checkPolicies(input, report);
  checkBudgets(input, report);
}

/** Limits and budgets are kept by id, so that ids are unique over keys and issuers together. */
function checkId(id: string, path: KeyPath, seen: Map<string, KeyPath>, report: CheckReport): void {
  if (seen.has(id))
    report.error([...path, "id"], `found ${JSON.stringify(id)} a second time; allowed: an id of its own`);
  seen.set(id, path);
}

function checkKey(
  key: AuthKeyConfig,
  path: KeyPath,
  secrets: Map<string, string>,
  input: CheckInput,
  report: CheckReport,
): void {
  if ((key.key === null) === (key.keySha256 === null)) {
    const found = key.key === null ? "neither" : "both";
    report.error(path, `found ${found} of key and key_sha256; allowed: one of them`);
    return;
  }
  const hash =
    key.keySha256 ??
    createHash("sha256")
      .update(key.key ?? "")
      .digest("hex");
  const other = secrets.get(hash);
  if (other !== undefined)
    report.error(path, `found the same key as ${JSON.stringify(other)} has; allowed: a key of its own`);
  else secrets.set(hash, key.id);
  if (key.expires !== null && key.expires <= input.now)
    report.warn([...path, "expires"], "has passed: this key opens nothing any more");
  checkAllowed(key.models, [...path, "models"], input, report);
  key.providers.forEach((name, index) => {
    if (!input.providerNames.has(name))
      report.error(
        [...path, "providers", index],
        `found ${JSON.stringify(name)}, which is no provider of this file${suggestion(name, input.providerNames)}`,
      );
  });
}

/** An allow-list may hold aliases, `provider/model` ids and names a pattern takes; others allow nothing. */
function checkAllowed(
  models: readonly string[],
  path: KeyPath,
  input: CheckInput,
  report: CheckReport,
): void {
  const listed = new Set([...input.config.provider.values()].flatMap((provider) => provider.models));
  models.forEach((name, index) => {
    const slash = name.indexOf("/");
    const known =
      input.aliases.has(name) ||
      listed.has(name) ||
      (slash > 0 && input.providerNames.has(name.slice(0, slash))) ||
      [...input.aliases].some((alias) => matchesPattern(alias, name));
    if (!known)
      report.warn(
        [...path, index],
        `names ${JSON.stringify(name)}, which is no alias of this file${suggestion(name, input.aliases)}`,
      );
  });
}

function matchesPattern(pattern: string, name: string): boolean {
  const star = pattern.indexOf("*");
  if (star === -1 || name.length < pattern.length - 1) return false;
  return name.startsWith(pattern.slice(0, star)) && name.endsWith(pattern.slice(star + 1));
}

function checkJwt(jwt: JwtConfig, path: KeyPath, issuers: Set<string>, report: CheckReport): void {
  const given = [jwt.key, jwt.publicKey, jwt.jwksUrl].filter((value) => value !== null).length;
  if (given !== 1) {
    report.error(
      path,
      `found ${given === 0 ? "none" : given} of key, public_key and jwks_url; allowed: one of them`,
    );
    return;
  }
  if (jwt.key !== null && Buffer.byteLength(jwt.key) < MIN_HMAC_BYTES)
    report.error(
      [...path, "key"],
      `found a secret of ${Buffer.byteLength(jwt.key)} bytes; allowed: at least ${MIN_HMAC_BYTES} bytes`,
    );
  if (jwt.publicKey !== null && !isUsablePublicKey(jwt.publicKey))
    report.error(
      [...path, "public_key"],
      `found no usable public key; allowed: a PEM public key, RSA of at least ${MIN_RSA_BITS} bits, EC P-256 or Ed25519`,
    );
  if (jwt.jwksUrl === null) return;
  const url = new URL(jwt.jwksUrl);
  if (url.protocol !== "https:" && !isPrivateHost(url.hostname))
    report.error(
      [...path, "jwks_url"],
      "found http:// to a host that is not on the own network; allowed: https://",
    );
  if (jwt.issuer === "")
    report.error([...path, "issuer"], "is missing; allowed: with jwks_url the `iss` of its tokens");
  else if (issuers.has(jwt.issuer))
    report.error([...path, "issuer"], "found a second time with a jwks_url; allowed: an issuer of its own");
  issuers.add(jwt.issuer);
}

function isUsablePublicKey(pem: string): boolean {
  if (!pem.includes("PUBLIC KEY-----")) return false;
  try {
    const key = createPublicKey(pem);
    const details = key.asymmetricKeyDetails;
    if (key.asymmetricKeyType === "rsa") return (details?.modulusLength ?? 0) >= MIN_RSA_BITS;
    if (key.asymmetricKeyType === "ec") return details?.namedCurve === "prime256v1";
    return key.asymmetricKeyType === "ed25519";
  } catch {
    return false; // not a key that OpenSSL reads: the message says what is
  }
}

function checkPolicies(input: CheckInput, report: CheckReport): void {
  const names = new Set<string>();
  input.config.policy.forEach((policy, index) => {
    const path = ["policy", index];
    if (names.has(policy.name))
      report.error(
        [...path, "name"],
        `found ${JSON.stringify(policy.name)} a second time; allowed: a name of its own`,
      );
    names.add(policy.name);
    if (policy.action === "downgrade") checkDowngrade(policy.to, [...path, "to"], input, report);
    else if (policy.to !== "")
      report.error(
        [...path, "to"],
        `found with action = "${policy.action}"; allowed: only with action = "downgrade"`,
      );
  });
}

function checkBudgets(input: CheckInput, report: CheckReport): void {
  input.config.budget.forEach((budget, index) => {
    const path = ["budget", index];
    if (budget.usd === null && budget.tokens === null)
      report.error(path, "found neither usd nor tokens; allowed: at least one of them");
    const { scope, onExhausted } = budget;
    if (scope.kind === "alias" && !input.aliases.has(scope.name))
      report.error([...path, "scope"], unknownAlias(scope.name, input));
    if (onExhausted.kind !== "downgrade") return;
    if (scope.kind === "alias" && scope.name === onExhausted.to)
      report.error([...path, "on_exhausted"], "found the alias of its own scope; allowed: another alias");
    else checkDowngrade(onExhausted.to, [...path, "on_exhausted"], input, report);
  });
}

function checkDowngrade(to: string, path: KeyPath, input: CheckInput, report: CheckReport): void {
  if (to === "") report.error(path, "is missing; allowed: the alias to use instead");
  else if (to.includes("*")) report.error(path, "found a pattern; allowed: an alias without *");
  else if (!input.aliases.has(to)) report.error(path, unknownAlias(to, input));
}

function unknownAlias(name: string, input: CheckInput): string {
  return `found ${JSON.stringify(name)}, which is no alias of this file${suggestion(name, input.aliases)}`;
}
