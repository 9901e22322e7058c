/** Every credential of a configuration, for the log to cut out wherever one turns up. */
import type { Config } from "../config/schema.ts";

/** Header values below this length are words such as `true`, not secrets. */
const MIN_HEADER = 12;

export function knownSecrets(config: Config): string[] {
  const found: (string | null | undefined)[] = [config.admin.token];
  for (const { apiKey, headers, proxy } of config.provider.values()) {
    found.push(apiKey, ...credentialsOf(proxy), ...headerValues(headers));
  }
  for (const { key } of config.auth.keys) found.push(key);
  for (const { key } of config.auth.jwt) found.push(key);
  found.push(...headerValues(config.telemetry.otlpHeaders));
  return found.filter((secret): secret is string => typeof secret === "string" && secret !== "");
}

function headerValues(headers: Readonly<Record<string, string>>): string[] {
  return Object.values(headers).filter((value) => value.length >= MIN_HEADER);
}

/** The password of a proxy URL, as written and decoded. */
function credentialsOf(proxy: string | null): string[] {
  const password = /^[a-z]+:\/\/[^:@/]*:([^@/]+)@/i.exec(proxy ?? "")?.[1];
  if (password === undefined) return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password]; // A lone percent sign: it stands as it is.
  }
}
