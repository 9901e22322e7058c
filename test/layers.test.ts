/** Imports go one way: main -> cli -> http, console -> gateway -> feature rooms -> config -> base, and nowhere in a circle. */
import { deepEqual, ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

/** Rooms by height. Rooms of one height do not import each other. */
const HEIGHT: Readonly<Record<string, number>> = {
  base: 0,
  config: 1,
  auth: 2,
  policy: 2,
  limits: 2,
  cache: 2,
  routing: 2,
  health: 2,
  protocols: 2,
  providers: 2,
  upstream: 2,
  telemetry: 2,
  gateway: 3,
  console: 4,
  http: 4,
  library: 4,
  cli: 5,
  "main.ts": 6,
  "index.ts": 6,
};

/** Contracts that any room may name in `import type`. */
const CONTRACTS = new Set([
  "src/http/exchange.ts",
  "src/http/route.ts",
  "src/protocols/neutral.ts",
  "src/protocols/protocol.ts",
  "src/upstream/client.ts",
  "src/providers/provider.ts",
]);

interface Edge {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => join("src", name));
const edges = files.flatMap(readEdges);

/** Static imports and re-exports, and `import()`; packages are not looked at. */
function readEdges(from: string): Edge[] {
  const text = readFileSync(from, "utf8");
  const found: Edge[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+([^"';]*?)\s*from\s+"(\.[^"]+)"/gm)) {
    const names = match[1] ?? "";
    const inline = /^\{([^}]*)\}$/
      .exec(names.trim())?.[1]
      ?.split(",")
      .filter((name) => name.trim() !== "");
    const typeOnly =
      names.startsWith("type ") || (inline?.every((name) => name.trim().startsWith("type ")) ?? false);
    found.push({ from, to: join(dirname(from), match[2] ?? ""), typeOnly });
  }
  for (const match of text.matchAll(/\bimport\(\s*"(\.[^"]+)"\s*\)|^import\s+"(\.[^"]+)"/gm)) {
    found.push({ from, to: join(dirname(from), match[1] ?? match[2] ?? ""), typeOnly: false });
  }
  return found;
}

function roomOf(file: string): string {
  return file.split("/")[1] ?? "";
}

test("every file under src belongs to a room", () => {
  deepEqual(
    files.filter((file) => HEIGHT[roomOf(file)] === undefined),
    [],
  );
  ok(edges.length > files.length, `${edges.length} imports found in ${files.length} files`);
});

test("no import goes up or sideways", () => {
  const wrong = edges.filter(({ from, to, typeOnly }) => {
    if (roomOf(from) === roomOf(to) || (typeOnly && CONTRACTS.has(to))) return false;
    return (HEIGHT[roomOf(to)] ?? 9) >= (HEIGHT[roomOf(from)] ?? 0);
  });
  deepEqual(
    wrong.map(({ from, to }) => `${from} imports ${to}`),
    [],
  );
});

test("no value import goes in a circle", () => {
  const next = new Map<string, string[]>(files.map((file) => [file, []]));
  for (const { from, to, typeOnly } of edges) if (!typeOnly) next.get(from)?.push(to);
  deepEqual(findCircle(next), []);
});

test("a circle would be found", () => {
  const next = new Map([
    ["a", ["b", "c"]],
    ["b", []],
    ["c", ["d"]],
    ["d", ["c"]],
  ]);
  deepEqual(findCircle(next), ["c", "d", "c"]);
});

/** The files of the first circle, the first one again at its end. */
function findCircle(next: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] => {
    const at = path.indexOf(file);
    if (at !== -1) return [...path.slice(at), file];
    if (done.has(file)) return [];
    path.push(file);
    for (const target of next.get(file) ?? []) {
      const circle = visit(target);
      if (circle.length > 0) return circle;
    }
    path.pop();
    done.add(file);
    return [];
  };
  for (const file of next.keys()) {
    const circle = visit(file);
    if (circle.length > 0) return circle;
  }
  return [];
}
