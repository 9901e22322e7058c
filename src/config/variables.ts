/** Fills `${VAR}` and `${VAR:-default}` into the string values of a parsed file; `$$` is a literal `$`. */
import type { KeyPath } from "./locate.ts";
import { isTable } from "./values.ts";

export type Env = Readonly<Record<string, string | undefined>>;

export interface VariableProblem {
  readonly path: KeyPath;
  readonly message: string;
}

/** Deeper nesting than this is refused: everything after it may then walk the tree by recursion. */
const MAX_DEPTH = 40;

/**
 * A copy of the tree with variables filled in. `optional` tells for a path that an undefined variable only leaves
 * the key out (providers with `enabled = false`).
 */
export function fillVariables(
  tree: Record<string, unknown>,
  env: Env,
  optional: (path: KeyPath) => boolean,
): { readonly tree: Record<string, unknown>; readonly problems: VariableProblem[] } {
  const problems: VariableProblem[] = [];

  function fill(value: unknown, path: KeyPath): unknown {
    if (typeof value === "string") {
      const { text, missing, broken } = fillText(value, env);
      if (broken) {
        problems.push({
          path,
          message: `has a \${ that begins no variable; allowed: \${NAME} or \${NAME:-default}, and $$ for a $`,
        });
      } else if (missing.length > 0) {
        if (optional(path)) return undefined;
        for (const name of missing)
          problems.push({
            path,
            message: `needs the environment variable ${name}, which is not set; allowed: set it, or give a default as in \${${name}:-default}`,
          });
      }
      return text;
    }
    if (path.length >= MAX_DEPTH && typeof value === "object") {
      problems.push({ path: path.slice(0, 3), message: `is nested deeper than ${MAX_DEPTH} levels` });
      return undefined;
    }
    if (Array.isArray(value))
      return value.map((item, index) => fill(item, [...path, index])).filter((item) => item !== undefined);
    if (!isTable(value)) return value;
    return fillTable(value, path);
  }

  function fillTable(table: Record<string, unknown>, path: KeyPath): Record<string, unknown> {
    const copy: Record<string, unknown> = Object.create(null);
    for (const [key, value] of Object.entries(table)) {
      const filled = fill(value, [...path, key]);
      if (filled !== undefined) copy[key] = filled;
    }
    return copy;
  }

  return { tree: fillTable(tree, []), problems };
}

/** An empty variable counts as unset for `:-`, as in a shell, and as set without it. */
function fillText(text: string, env: Env): { text: string; missing: string[]; broken: boolean } {
  const missing: string[] = [];
  let broken = false;
  const filled = text.replace(
    /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]{0,255})(:-([^}]*))?\}|\$\{/g,
    (match, name: string | undefined, withDefault: string | undefined, fallback: string | undefined) => {
      if (match === "$$") return "$";
      if (name === undefined) {
        broken = true;
        return "";
      }
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      if (withDefault !== undefined) return value || (fallback ?? "");
      if (value !== undefined) return value;
      missing.push(name);
      return "";
    },
  );
  return { text: filled, missing, broken };
}
