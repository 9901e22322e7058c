/** Request paths made safe to compare: dot segments gone, in whatever spelling (RFC 3986 5.2.4), before anything is matched. */

/**
 * Resolves `.` and `..` segments, percent-encoded ones too; everything else stays as it was sent. null when the path
 * does not start with a slash, holds bytes that no request target may hold, climbs above the root, or hides a dot segment behind an encoded slash or backslash
 * (`..%2f..`): a server that decodes it would see another path than the one matched here.
 */
export function resolveDotSegments(path: string): string | null {
  if (!path.startsWith("/") || /[^\x21-\x7e]|#/.test(path)) return null;
  if (!/[.%\\]/.test(path)) return path;
  const resolved: string[] = [];
  const segments = path.split("/");
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i] ?? "";
    const plain = segment.includes("%") ? segment.replace(/%2e/gi, ".") : segment;
    if (plain === ".") {
      if (i === segments.length - 1) resolved.push("");
    } else if (plain === "..") {
      if (resolved.pop() === undefined) return null;
      if (i === segments.length - 1) resolved.push("");
    } else {
      const parts = plain.split(/%2f|%5c|\\/i);
      if (parts.length > 1 && parts.some((part) => part === "." || part === "..")) return null;
      resolved.push(segment);
    }
  }
  return `/${resolved.join("/")}`;
}

/** Percent-decodes once; null when an escape is malformed, is no UTF-8, or gives a control character. */
export function decodeOnce(text: string): string | null {
  if (!text.includes("%")) return text;
  try {
    const decoded = decodeURIComponent(text);
    return /[\0-\x1f\x7f]/.test(decoded) ? null : decoded;
  } catch {
    return null;
  }
}
