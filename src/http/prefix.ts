/** Which provider's raw pass-through prefix a path falls under. */

export interface PrefixMatch {
  readonly prefix: string;
  /** What follows the prefix: "" or a path with its leading slash, as it was sent. */
  readonly rest: string;
}

/** The longest prefix that ends at a segment boundary; `path` has no dot segments (`resolveDotSegments`). */
export function matchPrefix(path: string, prefixes: Iterable<string>): PrefixMatch | null {
  let longest = "";
  for (const prefix of prefixes) {
    if (prefix.length <= longest.length || !path.startsWith(prefix)) continue;
    if (path.length === prefix.length || path.charCodeAt(prefix.length) === 0x2f) longest = prefix;
  }
  return longest === "" ? null : { prefix: longest, rest: path.slice(longest.length) };
}
