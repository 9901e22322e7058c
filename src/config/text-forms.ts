/** What single texts of the file must look like: addresses, URLs, names, headers. */
import { isIP } from "node:net";
import * as v from "valibot";
import { parseCidr } from "../base/net.ts";
import { isTable, textThat } from "./values.ts";

/** One IPv4 or IPv6 address, with a zone where IPv6 needs one. */
export const address = textThat("one IP address", (value) => isIP(value) !== 0);

function isCidr(value: string): boolean {
  return parseCidr(value) !== null;
}

/** `10.0.0.0/8`, `fd00::/8`, or one address. */
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

/** RFC 9110 token. */
function isHeaderName(name: string): boolean {
  return /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(name);
}

/** What may stand behind a header's colon: no CR, LF, NUL or other control character. */
function isHeaderValue(value: string): boolean {
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
