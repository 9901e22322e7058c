/** What a request is, told from method and path alone. */
import { resolveDotSegments } from "./path.ts";
import type { MatchedRoute, OperatorPage, Route } from "./route.ts";
import { FIXED, findEntry } from "./route-table.ts";

/** Pages everybody may see: no administrator's rights, no rules for browsers. */
export const PUBLIC_PAGES: ReadonlySet<OperatorPage> = new Set<OperatorPage>(["root", "health", "ready"]);

/** What the request is. `path` is as received, without the query. Everything a caller can send gets an answer here. */
export function matchRoute(method: string, path: string): MatchedRoute {
  if (method === "OPTIONS" && path === "*")
    return matched({ kind: "options", allow: ["GET", "POST"], admin: false }, path, 0);
  // No look at its characters: there is nothing to resolve in a path of the table.
  const fixed = FIXED.get(path);
  if (fixed?.methods.includes(method)) return fixed.matched;
  const resolved = resolveDotSegments(path);
  if (resolved === null) return matched({ kind: "bad-path" }, "", 0);
  const found = FIXED.get(resolved) ?? findEntry(resolved);
  if (found === null) return matched({ kind: "unknown" }, resolved, 0);
  const { route } = found;
  const claimed =
    route.kind === "unsupported" || route.kind === "bad-path" ? 0 : (found.claimed ?? resolved.length);
  if (claimed === 0) return matched(route, resolved, 0);
  if (found.methods.includes(method) || (method === "HEAD" && found.methods.includes("GET"))) {
    return matched(route, resolved, claimed);
  }
  const allow = found.methods.includes("GET") ? [...found.methods, "HEAD"] : found.methods;
  if (method === "OPTIONS") {
    const admin = route.kind === "console" || (route.kind === "operator" && !PUBLIC_PAGES.has(route.page));
    return matched({ kind: "options", allow: [...allow, "OPTIONS"], admin }, resolved, claimed);
  }
  return matched({ kind: "method", allow }, resolved, claimed);
}

function matched(route: Route, path: string, claimed: number): MatchedRoute {
  return { route, path, claimed };
}
