/** Which values of a configuration are secret: they appear in no message and in no display. */
import { snakeCase } from "./camel-keys.ts";
import type { KeyPath } from "./locate.ts";
import type { Config } from "./schema.ts";

/** Keys whose value, or whose whole table of values, is secret. */
const SECRET_KEYS = new Set([
  "api_key",
  "key",
  "token",
  "password",
  "secret",
  "authorization",
  "proxy",
  "credentials",
  "headers",
  "otlp_headers",
  "extra_body",
]);

export function isSecretPath(path: KeyPath): boolean {
  return path.some((part) => typeof part === "string" && SECRET_KEYS.has(part));
}

/** Prefixes that vendors give their keys, PEM, JWT, and words too random to be a name. */
const CREDENTIAL =
  /\b(?:[spr]k-|gsk_|csk-|xai-|AIza|AKIA|Bearer |eyJ)[A-Za-z0-9_-]{8}|-----BEGIN|(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{24,}/i;

/** True for values that look like a credential, wherever they stand. */
export function looksSecret(text: string): boolean {
  return CREDENTIAL.test(text);
}

/** The same text without the user information of URLs in it. */
export function withoutCredentials(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/?#\s]*@/gi, "$1***@");
}

const MASK = "***";

/** The configuration as plain data under the names of the file, secrets masked: for display only. */
export function maskConfig(config: Config): Record<string, unknown> {
  return mask(config, []) as Record<string, unknown>;
}

/** Maps hold names that users chose; other objects hold members, shown under the file's keys. */
function mask(value: unknown, path: KeyPath): unknown {
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([name, entry]) => [name, mask(entry, path)]));
  if (Array.isArray(value)) return value.map((item) => mask(item, path));
  if (typeof value === "object" && value !== null) {
    const named = isSecretPath(path.slice(-1)) || path.at(-1) === "attribution";
    return Object.fromEntries(
      Object.entries(value).map(([member, entry]) => {
        const key = named ? member : snakeCase(member);
        return [key, mask(entry, [...path, key])];
      }),
    );
  }
  if (isSecretPath(path)) {
    if (path.at(-1) === "proxy" && typeof value === "string") return withoutCredentials(value);
    return value === "" || value === null ? value : MASK;
  }
  return typeof value === "string" ? withoutCredentials(value) : value;
}

/** Shorter ones (`api_key = "ollama"`) may be names as well: a message would lose its sense. */
const MIN_SECRET = 12;

/** Every secret value of a file's tree, for `hideSecrets`. */
export function secretValues(tree: unknown, path: KeyPath = []): string[] {
  if (typeof tree === "string")
    return tree.length >= MIN_SECRET && (isSecretPath(path) || looksSecret(tree)) ? [tree] : [];
  if (typeof tree !== "object" || tree === null) return [];
  return Object.entries(tree).flatMap(([key, value]) => secretValues(value, [...path, key]));
}

/** The text with every one of the secrets replaced. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  let hidden = text;
  for (const secret of secrets) {
    hidden = hidden.replaceAll(secret, MASK);
    hidden = hidden.replaceAll(JSON.stringify(secret).slice(1, -1), MASK);
  }
  return hidden;
}
