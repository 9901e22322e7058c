/** Building blocks of the schema: each names in its message what is allowed, the loader adds what was found. */
import { isIP } from "node:net";
import * as v from "valibot";
import { MAX_DURATION_MS, parseDuration, parseSize } from "../base/units.ts";
import { type CamelKeys, camelKeys } from "./camel-keys.ts";

/** A section or inline table. Unknown keys are reported by `unknown-keys.ts`, all of them at once. */
export function section<const E extends v.ObjectEntries>(entries: E, allowed = "a table") {
  return v.pipe(
    table(entries, allowed),
    v.transform((value): CamelKeys<v.InferOutput<v.ObjectSchema<E, undefined>>> => camelKeys(value)),
  );
}

/** Like `section`, but still under the file's own names: for sections that have rules between their keys. */
export function table<const E extends v.ObjectEntries>(entries: E, allowed = "a table") {
  return v.pipe(
    v.custom<v.InferInput<v.ObjectSchema<E, undefined>>>(isTable, allowed),
    v.object(entries, allowed),
  );
}

/** True for a TOML table: neither an array nor a date. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** Tables whose keys are the user's own names; `refusal` says why one that breaks the rule is none. */
export function named<S extends v.GenericSchema>(
  entry: S,
  refusal = "is no name; allowed: any text that is not empty",
  rule: (name: string) => boolean = (name) => name !== "",
) {
  return v.pipe(
    v.custom<Record<string, v.InferInput<S>>>(isTable, "a table"),
    v.record(v.pipe(v.string(), v.check(rule, refusal)), entry),
  );
}

/** A key that may be left out: null then. */
export function unset<const S extends v.GenericSchema>(schema: S) {
  return v.optional(v.nullable(schema), null);
}

const DURATION = 'a duration such as "250ms", "30s", "5m", "2h" (0s to 24d)';

export const duration = v.pipe(
  v.string(DURATION),
  v.rawTransform(({ dataset, addIssue, NEVER }): number => {
    const ms = parseDuration(dataset.value);
    if (ms !== null && ms <= MAX_DURATION_MS) return ms;
    addIssue({ message: DURATION });
    return NEVER;
  }),
);

/** A duration above zero. */
export const delay = v.pipe(duration, v.minValue(1, 'a duration above zero such as "250ms", "30s", "5m"'));

const SIZE = 'a size such as "64KiB", "32MiB" or a whole number of bytes';

/** Bytes, from `min` up. */
export function size(min: number) {
  const allowed = min > 0 ? `${SIZE}, at least ${min}` : SIZE;
  return v.pipe(
    v.union([v.string(), v.number()], allowed),
    v.rawTransform(({ dataset, addIssue, NEVER }): number => {
      const bytes = typeof dataset.value === "number" ? dataset.value : parseSize(dataset.value);
      if (bytes !== null && Number.isSafeInteger(bytes) && bytes >= min) return bytes;
      addIssue({ message: allowed });
      return NEVER;
    }),
  );
}

export const bool = v.boolean("true or false");
export const text = v.string("a string");
export const texts = v.array(text, "a list of strings");

/** One of a closed list of words. */
export function oneOf<const W extends readonly [string, ...string[]]>(...words: W) {
  return v.picklist(words, words.map((word) => JSON.stringify(word)).join(" | "));
}

/** A whole number inside the bounds. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER) {
  const allowed = `a whole number ${range(min, max)}`;
  return v.pipe(
    v.number(allowed),
    v.check((value) => Number.isSafeInteger(value) && value >= min && value <= max, allowed),
  );
}

/** A finite number inside the bounds. */
export function number(min: number, max = Number.MAX_VALUE) {
  const allowed = `a number ${range(min, max)}`;
  return v.pipe(
    v.number(allowed),
    v.check((value) => Number.isFinite(value) && value >= min && value <= max, allowed),
  );
}

/** A finite number above zero, up to `max`. */
export function positive(max = Number.MAX_VALUE) {
  const allowed = max === Number.MAX_VALUE ? "a number above 0" : `a number above 0, at most ${max}`;
  return v.pipe(
    v.number(allowed),
    v.check((value) => Number.isFinite(value) && value > 0 && value <= max, allowed),
  );
}

function range(min: number, max: number): string {
  return max >= Number.MAX_SAFE_INTEGER ? `from ${min} up` : `between ${min} and ${max}`;
}

/** A text with a rule of its own. */
export function textThat(allowed: string, rule: (value: string) => boolean) {
  return v.pipe(v.string(allowed), v.check(rule, allowed));
}

/** One IPv4 or IPv6 address, with a zone where IPv6 needs one. */
export const address = textThat("one IP address", (value) => isIP(value) !== 0);

/** `10.0.0.0/8`, `fd00::/8`, or one address. */
export function isCidr(value: string): boolean {
  const match = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(value);
  if (match === null) return false;
  const family = isIP(match[1] ?? "");
  return family !== 0 && (match[2] === undefined || Number(match[2]) <= (family === 4 ? 32 : 128));
}

export const cidr = textThat('a CIDR such as "10.0.0.0/8"', isCidr);

/** `host:port`, `[v6]:port`. */
export const listenAddress = v.pipe(
  v.string('an address and port such as "127.0.0.1:9464" or "[::1]:9464"'),
  v.rawTransform(({ dataset, addIssue, NEVER }): { readonly host: string; readonly port: number } => {
    const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(dataset.value);
    const host = match?.[1] ?? match?.[2] ?? "";
    const port = Number(match?.[3]);
    const family = isIP(host);
    if (family !== 0 && (family === 6) === (match?.[1] !== undefined) && port <= 65_535)
      return { host, port };
    addIssue({ message: 'an address and port such as "127.0.0.1:9464" or "[::1]:9464"' });
    return NEVER;
  }),
);

/** A point in time with its zone, as milliseconds since 1970. */
export const instant = v.pipe(
  v.custom<Date>(
    (value) => value instanceof Date && !Number.isNaN(value.getTime()),
    "a date and time such as 2027-01-01T00:00:00Z",
  ),
  v.transform((date) => date.getTime()),
);

/** RFC 9110 token. */
export function isHeaderName(name: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name);
}

/** What may stand behind a header's colon: no CR, LF, NUL or other control character. */
export function isHeaderValue(value: string): boolean {
  return !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value) && !/[^\u0000-\u00ff]/.test(value);
}

export const headerName = textThat("a header name", isHeaderName);

/** Header names as written to values. */
export const headers = v.pipe(
  v.custom<Record<string, string>>(isTable, "a table of header names and values"),
  v.record(
    v.pipe(v.string(), v.check(isHeaderName, "is no header name; allowed: letters, digits and hyphens")),
    textThat("a header value on one line (no CR, LF or other control characters)", isHeaderValue),
  ),
);

/** A value, or the word "auto". */
export function auto<const S extends v.GenericSchema>(schema: S, allowed: string) {
  return v.union([v.literal("auto"), schema], allowed);
}

/** A length of a budget window in milliseconds, or the calendar's word; null when it is neither. At most 366 days. */
export function parseWindow(value: string): number | "day" | "month" | null {
  if (value === "day" || value === "month") return value;
  const ms = parseDuration(value);
  return ms !== null && ms >= 60_000 && ms <= 366 * 86_400_000 ? ms : null;
}

/** A word without white space, control characters or quotes. */
export const word = textThat("a word without white space", (value) => /^[!#-&(-~]{1,256}$/.test(value));

/** A DNS label, as it stands inside a vendor's host name. */
export const label = textThat("letters, digits and hyphens", (value) =>
  /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(value),
);

export const hostName = textThat("a host name", (value) =>
  /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$/.test(value),
);

/** A file name. */
export const path = textThat("a file name", (value) => value !== "" && !value.includes("\0"));

/** Ids of keys, issuers and policies: they appear in logs, metrics and URLs. */
export const name = textThat(
  "a name of 1 to 128 printable characters",
  (value) => /^[\x20-\x7e\u00a0-\uffff]{1,128}$/.test(value) && value.trim() === value,
);

/** A model id as a vendor spells it, or `$model`. */
export const modelId = textThat("a model id without white space", (value) => /^[!-~]{1,256}$/.test(value));

/** An upstream credential: it becomes a header line. Empty switches its provider off. */
export const credential = textThat("a key on one line", isHeaderValue);

/** A key that callers send. */
export const secretToken = textThat("a key of 1 to 512 printable characters without white space", (value) =>
  /^[!-~]{1,512}$/.test(value),
);

export const sha256 = v.pipe(
  textThat("64 hexadecimal digits", (value) => /^[0-9a-fA-F]{64}$/.test(value)),
  v.transform((hex) => hex.toLowerCase()),
);

export const headerValue = textThat("one line without control characters", isHeaderValue);

function parseUrl(value: string, protocols: readonly string[]): URL | null {
  if (!URL.canParse(value) || /[\s\\]/.test(value)) return null;
  const url = new URL(value);
  return protocols.includes(url.protocol) && url.hostname !== "" ? url : null;
}

function isPlainUrl(value: string): boolean {
  const url = parseUrl(value, ["http:", "https:"]);
  return url !== null && url.username === "" && url.password === "" && url.hash === "";
}

/** http(s), no credentials, query or fragment; without its trailing slash. */
export const baseUrl = v.pipe(
  textThat(
    "an http:// or https:// URL without credentials, query or fragment",
    (value) => isPlainUrl(value) && !value.includes("?"),
  ),
  v.transform((value) => value.replace(/\/+$/, "")),
);

export const httpUrl = textThat("an http:// or https:// URL without credentials", isPlainUrl);

export const urlOrEmpty = textThat(
  'an http:// or https:// URL, or ""',
  (value) => value === "" || isPlainUrl(value),
);

/** `http://host`, `https://host:port`, or `*`. */
export const origin = textThat('an origin such as "http://nas.lan:3000", or "*"', (value) => {
  if (value === "*") return true;
  return isPlainUrl(value) && new URL(value).origin === value;
});

/** A forward proxy, credentials allowed; "" is none whatever the environment says. */
export const proxyUrl = textThat('a proxy URL such as "http://user:pass@192.0.2.1:3128", or ""', (value) => {
  if (value === "") return true;
  const url = parseUrl(value, ["http:", "https:"]);
  return (
    url !== null && (url.pathname === "/" || url.pathname === "") && url.search === "" && url.hash === ""
  );
});

/** Pass-through prefix: whole path segments, no dot segments, no escapes. */
export const prefix = textThat(
  'a path such as "/openai", without a slash at its end, or ""',
  (value) =>
    value === "" || (/^(?:\/[A-Za-z0-9._~-]{1,64}){1,8}$/.test(value) && !/\/\.{1,2}(?:\/|$)/.test(value)),
);

/** Members to merge into JSON bodies. */
export const members = v.pipe(
  v.custom<Record<string, unknown>>(isTable, "a table"),
  v.check((value) => JSON.stringify(value).length <= 65_536, "at most 64KiB of members"),
);

export const adminPeer = textThat(
  '"loopback", "lan" or a CIDR',
  (value) => value === "loopback" || value === "lan" || isCidr(value),
);

export type BudgetScope =
  | { readonly kind: "gateway" }
  | { readonly kind: "alias" | "tenant"; readonly name: string };

export function readScope(value: string): BudgetScope {
  const colon = value.indexOf(":");
  if (colon === -1) return { kind: "gateway" };
  return { kind: value.startsWith("alias") ? "alias" : "tenant", name: value.slice(colon + 1) };
}

export type OnExhausted = { readonly kind: "reject" } | { readonly kind: "downgrade"; readonly to: string };

export function readExhausted(value: string): OnExhausted {
  const colon = value.indexOf(":");
  return colon === -1 ? { kind: "reject" } : { kind: "downgrade", to: value.slice(colon + 1) };
}
