/** Cuts what the schema refused out of a file, so that the rest can still be checked in the same run. */
import type { KeyPath } from "./locate.ts";
import { isTable } from "./values.ts";

export interface Pruned {
  readonly tree: Record<string, unknown>;
  /** A path in the pruned tree, as it is in the file: elements before it in a list may be gone. */
  original(path: KeyPath): KeyPath;
}

/** A copy of the tree without the values at `paths`. */
export function prune(tree: Record<string, unknown>, paths: readonly KeyPath[]): Pruned {
  const cuts = new Set(paths.map((path) => JSON.stringify(path)));
  const kept = new Map<string, number[]>();

  function copy(value: unknown, path: KeyPath): unknown {
    if (Array.isArray(value)) {
      const indexes = [...value.keys()].filter((index) => !cuts.has(JSON.stringify([...path, index])));
      if (indexes.length < value.length) kept.set(JSON.stringify(path), indexes);
      return indexes.map((index) => copy(value[index], [...path, index]));
    }
    if (!isTable(value)) return value;
    const table: Record<string, unknown> = Object.create(null);
    for (const [key, entry] of Object.entries(value)) {
      const at = [...path, key];
      if (!cuts.has(JSON.stringify(at))) table[key] = copy(entry, at);
    }
    return table;
  }

  return {
    tree: cuts.has("[]") ? Object.create(null) : (copy(tree, []) as Record<string, unknown>),
    original(path) {
      const mapped: (string | number)[] = [];
      for (const part of path) {
        const indexes = kept.get(JSON.stringify(mapped));
        mapped.push(typeof part === "number" ? (indexes?.[part] ?? part) : part);
      }
      return mapped;
    },
  };
}

/** True when `path` is `outer` or inside of it. */
export function isInside(path: KeyPath, outer: KeyPath): boolean {
  return path.length >= outer.length && outer.every((part, index) => path[index] === part);
}
