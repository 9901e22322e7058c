/** Test material: a file that holds every table of the schema, and paths to every key of it. */
import { stringify } from "smol-toml";
import { type LoadResult, loadConfig } from "../../src/config/load.ts";
import type { KeyPath } from "../../src/config/locate.ts";
import type { Config } from "../../src/config/schema.ts";
import { configSchema } from "../../src/config/schema.ts";
import { type Shape, shapeOf } from "../../src/config/schema-shape.ts";

export const NOW = Date.UTC(2026, 0, 1);

export function load(text: string, env: Record<string, string> = {}): LoadResult {
  return loadConfig(text, { file: "test.toml", env, now: NOW });
}

/** The configuration of a text that must load. */
export function loaded(text: string, env: Record<string, string> = {}): Config {
  const result = load(text, env);
  if (!result.ok) throw new Error(result.errors.map(({ path, message }) => `${path}: ${message}`).join("\n"));
  return result.config;
}

/** `path: message` of every error; none when it loads. */
export function errorsOf(text: string, env: Record<string, string> = {}): string[] {
  const result = load(text, env);
  return result.ok ? [] : result.errors.map(({ path, message }) => `${path}: ${message}`);
}

export function warningsOf(text: string, env: Record<string, string> = {}): string[] {
  return load(text, env).warnings.map(({ path, message }) => `${path}: ${message}`);
}

/** Every table of the schema once, with what it cannot do without. */
export function fullTree(): Record<string, unknown> {
  const rates = { rate_limit: {} };
  return {
    server: {},
    limits: {},
    timeouts: {},
    retry: {},
    circuit: {},
    routing: {},
    provider: {
      p: { base_url: "https://llm.example/v1", headers: { "x-a": "b" }, timeouts: {}, ...rates },
      azure_openai: { azure_openai: { resource_name: "r" }, api_key: "k" },
      vertex_ai: { vertex_ai: { project_id: "p" } },
      google_ai: { google_ai: {}, api_key: "k" },
      anthropic: { anthropic: {}, api_key: "k" },
      bedrock: { bedrock: {}, api_key: "k" },
      ollama: { ollama: {} },
      demo: { demo: {} },
    },
    model: {
      m: {
        targets: [{ provider: "p", model: "x", price: { input: 1, output: 2 } }],
        retry: {},
        timeouts: {},
        hedge: {},
      },
    },
    prices: { x: { input: 1, output: 2 } },
    auth: {
      keys: [{ id: "k", key: "secret-of-k", budget: {}, ...rates }],
      anonymous_limits: { budget: {}, ...rates },
      jwt: [{ id: "j", key: "j".repeat(32) }],
    },
    admin: {},
    policy: [{ name: "n", expression: "true", action: "alert" }],
    budget: [{ scope: "gateway", usd: 1 }],
    cache: {},
    state: {},
    telemetry: { otlp_headers: { "x-a": "b" } },
    console: {},
    log: {},
    attribution: { service: "s" },
  };
}

const SHORTHANDS = ["azure_openai", "vertex_ai", "google_ai", "anthropic", "bedrock", "ollama", "demo"];

/** Paths of the schema made concrete for `fullTree`; `shape` is what stands there. */
export function allPaths(): { readonly path: KeyPath; readonly shape: Shape }[] {
  const found: { path: KeyPath; shape: Shape }[] = [];
  const names: Record<string, string> = { provider: "p", model: "m", prices: "x", attribution: "service" };

  function walk(shape: Shape, path: KeyPath): void {
    if (path.length > 0) found.push({ path, shape });
    if (shape.kind === "list" && shape.item.kind === "table") walk(shape.item, [...path, 0]);
    if (shape.kind === "map") walk(shape.value, [...path, names[String(path.at(-1))] ?? "x-a"]);
    if (shape.kind !== "table") return;
    for (const [key, entry] of Object.entries(shape.entries)) {
      const isShorthand = path[0] === "provider" && path.length === 2 && SHORTHANDS.includes(key);
      walk(entry, isShorthand ? ["provider", key, key] : [...path, key]);
    }
  }

  walk(shapeOf(configSchema), []);
  return found;
}

/** The text of `tree` with `value` at `path`. */
export function withValue(path: KeyPath, value: unknown, tree = fullTree()): string {
  let at: Record<string | number, unknown> = tree;
  for (const part of path.slice(0, -1)) {
    at[part] ??= {};
    at = at[part] as Record<string | number, unknown>;
  }
  at[path.at(-1) ?? ""] = value;
  return stringify(tree);
}
