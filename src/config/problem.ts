/** A problem of a configuration file: where it is, what was found, what is allowed. Never a secret. */
import type { KeyPath } from "./locate.ts";
import { isSecretPath, looksSecret, withoutCredentials } from "./secrets.ts";
import { isTable } from "./values.ts";

export interface ConfigProblem {
  readonly file: string;
  /** From 1; null when the problem has no place in the text (a missing file, a whole section that is not there). */
  readonly line: number | null;
  /** From 1; only for texts that are not TOML. */
  readonly column: number | null;
  /** As one would write it in TOML; "" for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** One line per problem: `config.toml:12: provider.openai.base_url: found …; allowed: …`. */
export function formatErrors(problems: readonly ConfigProblem[]): string {
  return problems
    .map(({ file, line, column, path, message }) => {
      const place = line === null ? file : column === null ? `${file}:${line}` : `${file}:${line}:${column}`;
      return path === "" ? `${place}: ${message}\n` : `${place}: ${path}: ${message}\n`;
    })
    .join("");
}

/** `model."claude-*".targets[0].provider` */
export function formatPath(path: KeyPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else {
      const shown = looksSecret(part) ? "(not shown)" : part.length > 80 ? `${part.slice(0, 77)}...` : part;
      const key = /^[A-Za-z0-9_-]+$/.test(shown) ? shown : JSON.stringify(shown);
      text += text === "" ? key : `.${key}`;
    }
  }
  return text;
}

/** What stands in the file at a path, for a message. `value` is as written, before variables are filled in. */
export function describeFound(value: unknown, path: KeyPath): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (value instanceof Date) return "a date";
  if (isTable(value)) return "a table";
  if (typeof value === "string") {
    if (value === "") return "an empty string";
    // A variable's own text is fit to be shown; what it holds may be a key that landed in the wrong place.
    if (isSecretPath(path) || looksSecret(value)) return "a string that is not shown here";
    const shown = withoutCredentials(value);
    return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 77)}...` : shown);
  }
  if (isSecretPath(path)) return `a ${typeof value} that is not shown here`;
  return String(value);
}
