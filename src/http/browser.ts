/** Rules for browsers: DNS rebinding, foreign pages on administrative routes, and CORS for the rest. */
import { Failure } from "../base/failure.ts";
import { type HeaderList, hasHeader, headerValue } from "../base/headers.ts";
import { parseAddress } from "../base/net.ts";

export interface BrowserRules {
  /** `server.host_names`: names besides IP literals and localhost. */
  readonly hostNames: readonly string[];
  /** `server.cors_origins`; "*" = every page. */
  readonly corsOrigins: readonly string[];
}

/** How long a browser may remember a preflight, seconds. */
const PREFLIGHT_SECONDS = "600";

/**
 * Why a request must not be served, or null. On administrative routes, and for every request that carries `Origin` or
 * `Sec-Fetch-Site: cross-site`, `Host` must be a name nobody else can point at this device (DNS rebinding). On
 * administrative routes a foreign `Origin` is refused, and a change must say `application/json`: a form cannot.
 */
export function checkBrowser(
  method: string,
  headers: HeaderList,
  admin: boolean,
  rules: BrowserRules,
): Failure | null {
  const fromPage = hasHeader(headers, "origin");
  const crossSite = headerValue(headers, "sec-fetch-site") === "cross-site";
  if (!admin && !crossSite && !fromPage) return null;
  const host = headerValue(headers, "host");
  if (!isKnownHost(host, rules.hostNames)) {
    return forbidden(
      `the host name ${JSON.stringify(host.slice(0, 100))} is not one of this gateway's: use its address or add the name to server.host_names`,
      "unknown_host",
    );
  }
  if (!admin) return null;
  if (crossSite || (fromPage && !isOwnOrigin(headerValue(headers, "origin"), host))) {
    return forbidden("administrative routes do not answer pages of other origins", "foreign_origin");
  }
  if (method !== "GET" && method !== "HEAD" && method !== "OPTIONS") {
    const type = headerValue(headers, "content-type").split(";")[0]?.trim().toLowerCase();
    if (type !== "application/json") {
      return new Failure(
        "bad_request",
        "administrative requests that change something need content-type: application/json",
        {
          code: "content_type",
          status: 415,
        },
      );
    }
  }
  return null;
}

/** What makes a page's request, whosoever; without it no rule here is about a request, save on administrative routes. */
export function isFromBrowser(headers: HeaderList): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i];
    if (name === "origin" || name === "sec-fetch-site") return true;
  }
  return false;
}

/** CORS headers of an answer to the page; none for pages that are not allowed, and never on administrative routes. */
export function corsHeaders(headers: HeaderList, admin: boolean, rules: BrowserRules): string[] {
  const origin = headerValue(headers, "origin");
  if (admin || origin === "" || rules.corsOrigins.length === 0) return [];
  const any = rules.corsOrigins.includes("*");
  if (!any && !rules.corsOrigins.includes(origin)) return ["vary", "origin"];
  const allowed = ["access-control-allow-origin", any ? "*" : origin, "access-control-expose-headers", "*"];
  return any ? allowed : [...allowed, "vary", "origin"];
}

/** True for a preflight (Fetch standard): it is answered before authentication, it cannot carry a credential. */
export function isPreflight(method: string, headers: HeaderList): boolean {
  return (
    method === "OPTIONS" &&
    hasHeader(headers, "origin") &&
    hasHeader(headers, "access-control-request-method")
  );
}

/** Headers of the 204 that answers a preflight, the requested headers echoed; [] = the page is not allowed. */
export function preflightHeaders(
  headers: HeaderList,
  allow: readonly string[],
  admin: boolean,
  rules: BrowserRules,
): string[] {
  const cors = corsHeaders(headers, admin, rules);
  if (!cors.includes("access-control-allow-origin")) return [];
  const requested = headerValue(headers, "access-control-request-headers");
  const answer = [
    ...cors,
    "access-control-allow-methods",
    allow.join(", "),
    "access-control-max-age",
    PREFLIGHT_SECONDS,
  ];
  if (requested !== "" && /^[\w\-, ]{1,2000}$/.test(requested))
    answer.push("access-control-allow-headers", requested);
  if (headerValue(headers, "access-control-request-private-network") === "true") {
    answer.push("access-control-allow-private-network", "true");
  }
  return answer;
}

/** An IP literal, localhost, or a configured name; with or without a port. */
export function isKnownHost(host: string, hostNames: readonly string[]): boolean {
  const name = hostName(host);
  if (name === null) return false;
  if (name === "localhost" || name.endsWith(".localhost") || parseAddress(name) !== null) return true;
  return hostNames.some((known) => known.toLowerCase() === name);
}

/** `Host` without its port, in lower case; null when it is no host. */
function hostName(host: string): string | null {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/.exec(host.toLowerCase());
  return match?.[1]?.replace(/\.$/, "") ?? null;
}

function isOwnOrigin(origin: string, host: string): boolean {
  const match = /^https?:\/\/([^/?#@]+)$/i.exec(origin);
  return match?.[1]?.toLowerCase() === host.toLowerCase();
}

function forbidden(message: string, code: string): Failure {
  return new Failure("forbidden", message, { code });
}
