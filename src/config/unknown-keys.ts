/** Reports keys the schema does not know, all of them, and names that no map may have. */
import type { KeyPath } from "./locate.ts";
import { suggestion } from "./nearest.ts";
import type { Shape } from "./schema-shape.ts";
import { isTable } from "./values.ts";

/** Names that mean something to JavaScript objects. */
const UNSAFE = new Set(["__proto__", "constructor", "prototype"]);

export interface KeyProblem {
  readonly path: KeyPath;
  readonly message: string;
}

export function findUnknownKeys(shape: Shape, value: unknown, path: KeyPath = []): KeyProblem[] {
  if (shape.kind === "list" && Array.isArray(value))
    return value.flatMap((item, index) => findUnknownKeys(shape.item, item, [...path, index]));
  if (!isTable(value)) return [];
  if (shape.kind === "map")
    return Object.entries(value).flatMap(([name, entry]) =>
      UNSAFE.has(name)
        ? [{ path: [...path, name], message: "cannot be used as a name; allowed: any other name" }]
        : findUnknownKeys(shape.value, entry, [...path, name]),
    );
  if (shape.kind !== "table") return [];
  const { entries } = shape;
  return Object.entries(value).flatMap(([key, entry]) => {
    const known = Object.hasOwn(entries, key) ? entries[key] : undefined;
    if (known !== undefined) return findUnknownKeys(known, entry, [...path, key]);
    const keys = Object.keys(entries);
    const hint = suggestion(key, keys) || `; allowed: ${keys.join(", ")}`;
    return [{ path: [...path, key], message: `is not a key that is known here${hint}` }];
  });
}
