/** Where a pass-through request goes: the base URL's own path and what followed the prefix. */

/** The path to ask upstream: the base URL's own path joined with the rest. */
export function joinBasePath(basePath: string, rest: string): string {
  const base = basePath.endsWith("/") ? basePath.slice(0, -1) : basePath;
  return `${base}${rest}` || "/";
}
