/** Text to configuration: TOML, variables, schema, cross checks; a frozen Config, or every problem at once. */
import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import { checkConfig } from "./check.ts";
import { dropSwitchedOff } from "./drop-targets.ts";
import { freeze } from "./freeze.ts";
import { type KeyPath, type Locator, locateKeys } from "./locate.ts";
import { type ConfigProblem, describeFound, formatPath } from "./problem.ts";
import { isInside, type Pruned, prune } from "./prune.ts";
import { type Config, configSchema } from "./schema.ts";
import { type Shape, shapeOf } from "./schema-shape.ts";
import { hideSecrets, secretValues } from "./secrets.ts";
import { findUnknownKeys } from "./unknown-keys.ts";
import { isTable } from "./values.ts";
import { type Env, fillVariables } from "./variables.ts";

/** A configuration is written by hand: a larger file is a mistake. */
const MAX_TEXT = 1024 * 1024;
const MAX_PROBLEMS = 200;
const MAX_INLINE_DEPTH = 32;

const SHAPE = shapeOf(configSchema);

export interface LoadOptions {
  /** Name for messages. */
  readonly file: string;
  readonly env: Env;
  /** Wall clock, milliseconds: keys may have expired. */
  readonly now: number;
}

export type LoadResult =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly ConfigProblem[] }
  | {
      readonly ok: false;
      readonly errors: readonly ConfigProblem[];
      readonly warnings: readonly ConfigProblem[];
    };

/** Reads a whole configuration file. Never throws, whatever the text is. */
export function loadConfig(source: string, options: LoadOptions): LoadResult {
  const text = source.replace(/^\ufeff/, "");
  const parsed = parseToml(text, options.file);
  if ("error" in parsed) return { ok: false, errors: [parsed.error], warnings: [] };
  return load(parsed.tree, locateKeys(text), options);
}

/** The same for a tree of plain values with the keys of the file, as the library and tests have it: no lines then. */
export function loadTree(tree: Record<string, unknown>, options: LoadOptions): LoadResult {
  return load(tree, locateKeys(""), options);
}

function load(tree: Record<string, unknown>, locator: Locator, options: LoadOptions): LoadResult {
  const { tree: written, short } = expandShortForms(tree);
  const filled = fillVariables(written, options.env, (path) => isDisabledProvider(written, path));
  const secrets = secretValues(filled.tree);
  const errors: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];
  const broken: KeyPath[] = [];

  function add(list: ConfigProblem[], path: KeyPath, message: string): void {
    if (list.length >= MAX_PROBLEMS) return;
    const place =
      short.has(String(path[1])) && path[0] === "model" && path[2] === "targets"
        ? path.toSpliced(2, 1)
        : path;
    list.push({
      file: options.file,
      line: locator.line(place),
      column: null,
      path: hideSecrets(formatPath(place), secrets),
      message: hideSecrets(message, secrets),
    });
  }

  for (const { path, message } of filled.problems) {
    add(errors, path, message);
    broken.push(path);
  }
  for (const { path, message } of findUnknownKeys(SHAPE, filled.tree)) {
    add(errors, path, message);
    broken.push(path);
  }

  const { config: accepted, rest } = parseLeniently(filled.tree, broken, (path, issue) =>
    add(errors, path, describeIssue(issue, path, valueAt(written, path))),
  );
  if (accepted === null) return { ok: false, errors: inFileOrder(errors), warnings };

  const config = sortLikeFile(accepted, locator.order);
  const isKnownBroken = (path: KeyPath) => broken.some((cut) => isInside(cut, path));
  checkConfig(
    {
      config,
      providerNames: namesOf(written["provider"]),
      aliases: namesOf(written["model"]),
      now: options.now,
    },
    {
      error(path, message) {
        const place = rest.original(path);
        if (!isKnownBroken(place)) add(errors, place, message);
      },
      warn: (path, message) => add(warnings, rest.original(path), message),
    },
  );
  if (errors.length > 0) return { ok: false, errors: inFileOrder(errors), warnings: inFileOrder(warnings) };
  const usable = dropSwitchedOff(config, (path, message) => add(warnings, path, message));
  return { ok: true, config: freeze(usable) as Config, warnings: inFileOrder(warnings) };
}

/**
 * Holds the tree against the schema, reports what it refuses, and goes on with the rest of the file: so the checks
 * between sections run in the same pass. What is cut is added to `broken`.
 */
function parseLeniently(
  tree: Record<string, unknown>,
  broken: KeyPath[],
  report: (path: KeyPath, issue: v.BaseIssue<unknown>) => void,
): { readonly config: Config | null; readonly rest: Pruned } {
  for (let round = 0; ; round++) {
    const rest = prune(tree, broken);
    const outcome = v.safeParse(configSchema, rest.tree);
    if (outcome.success) return { config: outcome.output, rest };
    // Each round cuts one level more, and no path has more levels than this.
    if (round > 12) return { config: null, rest };
    const seen = broken.slice();
    for (const issue of outcome.issues) {
      const path = rest.original(pathOf(issue));
      // A key that was cut is missed now, and its table's own rules look at what is left of it: not news.
      if (round === 0 && !seen.some((cut) => isInside(cut, path))) report(path, issue);
      const isNew = valueAt(tree, path) !== undefined && !seen.some((cut) => isInside(cut, path));
      broken.push(isNew || path.length === 0 ? path : path.slice(0, -1));
    }
  }
}

function parseToml(
  text: string,
  file: string,
): { readonly tree: Record<string, unknown> } | { readonly error: ConfigProblem } {
  const problem = (message: string, line: number | null, column: number | null) => ({
    error: { file, line, column, path: "", message },
  });
  if (text.length > MAX_TEXT) return problem(`is larger than ${MAX_TEXT} characters`, null, null);
  try {
    // The legacy date is the one that exists on every supported Node.
    return { tree: parse(text, { maxDepth: MAX_INLINE_DEPTH, useLegacyDate: true }) };
  } catch (thrown) {
    // The message's further lines quote the file, secrets included.
    const first = thrown instanceof Error ? (thrown.message.split("\n")[0] ?? "") : "";
    const message = `is not TOML: ${first.replace(/^Invalid TOML document: /, "")}`;
    return thrown instanceof TomlError
      ? problem(message, thrown.line, thrown.column)
      : problem(message, null, null);
  }
}

/** `alias = [targets]` written out as `{ targets }`; `short` names the aliases that were. */
function expandShortForms(tree: Record<string, unknown>): {
  readonly tree: Record<string, unknown>;
  readonly short: ReadonlySet<string>;
} {
  const models = tree["model"];
  if (!isTable(models)) return { tree, short: new Set() };
  const short = new Set<string>();
  const expanded: Record<string, unknown> = Object.create(null);
  for (const [alias, value] of Object.entries(models)) {
    if (Array.isArray(value)) short.add(alias);
    expanded[alias] = Array.isArray(value) ? { targets: value } : value;
  }
  const copy: Record<string, unknown> = Object.create(null);
  return { tree: Object.assign(copy, tree, { model: expanded }), short };
}

function isDisabledProvider(tree: Record<string, unknown>, path: KeyPath): boolean {
  const providers = tree["provider"];
  if (path[0] !== "provider" || !isTable(providers)) return false;
  const provider = providers[String(path[1])];
  return isTable(provider) && provider["enabled"] === false;
}

function pathOf(issue: v.BaseIssue<unknown>): KeyPath {
  return (issue.path ?? []).map(({ key }) => (typeof key === "number" ? key : String(key)));
}

function describeIssue(issue: v.BaseIssue<unknown>, path: KeyPath, written: unknown): string {
  if (written === undefined) {
    const allowed = allowedAt(SHAPE, path);
    return allowed === "" ? "is missing" : `is missing; allowed: ${allowed}`;
  }
  // A rule about a name, or between the keys of a table, says all of it itself.
  const isName = issue.path?.at(-1)?.origin === "key";
  if (isName || (isTable(written) && issue.kind === "validation")) return issue.message;
  return `found ${describeFound(written, path)}; allowed: ${issue.message}`;
}

function allowedAt(shape: Shape, path: KeyPath): string {
  let at: Shape | undefined = shape;
  for (const part of path) {
    if (at?.kind === "table") at = at.entries[String(part)];
    else if (at?.kind === "map") at = at.value;
    else if (at?.kind === "list") at = at.item;
  }
  if (at?.kind === "value") return at.allowed;
  return at?.kind === "list" ? "a list" : "a table";
}

function valueAt(tree: unknown, path: KeyPath): unknown {
  let at = tree;
  for (const part of path) {
    if (Array.isArray(at)) at = at[Number(part)];
    else if (isTable(at)) at = Object.hasOwn(at, String(part)) ? at[String(part)] : undefined;
    else return undefined;
  }
  return at;
}

function namesOf(section: unknown): ReadonlySet<string> {
  return new Set(isTable(section) ? Object.keys(section) : []);
}

/** JavaScript lists names that look like numbers first: the file's order is put back. */
function sortLikeFile(config: Config, order: (path: KeyPath) => string[]): Config {
  return {
    ...config,
    provider: sortMap(config.provider, order(["provider"])),
    model: sortMap(config.model, order(["model"])),
  };
}

function sortMap<V>(map: ReadonlyMap<string, V>, names: readonly string[]): ReadonlyMap<string, V> {
  const rank = new Map(names.map((name, index) => [name, index]));
  const last = names.length;
  return new Map([...map].sort(([a], [b]) => (rank.get(a) ?? last) - (rank.get(b) ?? last)));
}

function inFileOrder(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}
