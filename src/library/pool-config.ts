/** Turns a pool's targets and options into a configuration, so that one schema decides about both. */
import { snakeCase } from "../config/camel-keys.ts";
import { loadTree } from "../config/load.ts";
import { formatPath } from "../config/problem.ts";
import type { Config } from "../config/schema.ts";
import type { PoolOptions, PoolTarget } from "./pool-target.ts";

/** The one alias of a pool. */
export const POOL = "pool";

/** Keys of a target; all others are its provider's. */
const TARGET_KEYS: ReadonlySet<string> = new Set([
  "model",
  "price",
  "weight",
  "max_context",
  "max_tokens",
  "prefill",
  "tools",
  "images",
  "json_schema",
]);
/** Their keys are the user's own names. */
const VERBATIM: ReadonlySet<string> = new Set(["headers", "extra_body"]);
const MAX_RETRIES = 99;
/** A pool's streams are bounded by its providers' connections. */
const MAX_STREAMS = 1_000_000;

type Table = Record<string, unknown>;

/** Throws a TypeError that names every option that is wrong, and what is allowed. */
export function poolConfig(targets: readonly PoolTarget[], options: PoolOptions): Config {
  if (!Array.isArray(targets) || targets.length === 0)
    throw new TypeError("targets: allowed: a list with at least one target");
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TypeError("options: allowed: an object");
  const { retries, ...rest } = options;
  if (retries !== undefined && !(Number.isInteger(retries) && retries >= 0 && retries <= MAX_RETRIES))
    throw new TypeError(`options.retries: allowed: a whole number between 0 and ${MAX_RETRIES}`);

  const names = nameTargets(targets);
  const provider: Table = {};
  const listed = targets.map((target: Table, index) => {
    const own: Table = { provider: names[index] };
    const facts: Table = {};
    for (const [key, value] of Object.entries(target)) {
      const name = snakeCase(key);
      if (value === undefined || name === "name") continue;
      (TARGET_KEYS.has(name) ? own : facts)[name] = translate(name, value);
    }
    provider[names[index] ?? ""] = facts;
    return own;
  });
  const loaded = loadTree(
    {
      provider,
      model: {
        [POOL]: {
          strategy: "failover",
          ...(translate("", rest) as Table),
          targets: listed,
          ...(retries === undefined ? {} : { retry: { max_attempts: retries + 1 } }),
        },
      },
      auth: { anonymous: "any" },
      limits: { max_streams_per_client: MAX_STREAMS },
    },
    { file: "createPool", env: {}, now: Date.now() },
  );
  const problems = loaded.ok
    ? [...loaded.config.provider.values()]
        .filter(({ off }) => off === "no_key")
        .map(({ name }) => `targets[${names.indexOf(name)}].apiKey: is empty; allowed: a key, or none at all`)
    : loaded.errors.map(({ path, message }) => `${placeOf(path, names)}: ${message}`);
  if (!loaded.ok || problems.length > 0) throw new TypeError(problems.join("\n"));
  return loaded.config;
}

function nameTargets(targets: readonly unknown[]): string[] {
  const names: string[] = [];
  for (const [index, target] of targets.entries()) {
    const place = `targets[${index}]`;
    if (!isTable(target))
      throw new TypeError(`${place}: allowed: an object such as { baseUrl, apiKey, model }`);
    if (target["model"] === "$model") throw new TypeError(`${place}.model: allowed: a model's id`);
    const { name } = target;
    if (name === undefined) {
      const base = defaultName(target);
      let free = base;
      for (let count = 2; names.includes(free); count++) free = `${base}-${count}`;
      names.push(free);
      continue;
    }
    if (typeof name !== "string" || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
      throw new TypeError(`${place}.name: allowed: letters, digits, dots, _ and -, at most 64`);
    const taken = names.indexOf(name);
    if (taken >= 0)
      throw new TypeError(`${place}.name: found ${name}, which is the name of targets[${taken}]`);
    names.push(name);
  }
  return names;
}

/** The host of the base URL, else the key that stands for one. */
function defaultName(target: Table): string {
  const url = target["baseUrl"];
  const text =
    typeof url === "string" && URL.canParse(url)
      ? new URL(url).hostname
      : (Object.keys(target).find((key) =>
          /^(?:azureOpenai|vertexAi|googleAi|anthropic|bedrock|ollama|demo)$/.test(key),
        ) ?? "target");
  return (
    text
      .replace(/[^A-Za-z0-9._-]+/g, "-")
      .replace(/^[^A-Za-z0-9]+/, "")
      .slice(0, 60) || "target"
  );
}

/** Keys to the file's spelling, milliseconds to durations, and no `$` that begins a variable. */
function translate(key: string, value: unknown): unknown {
  if (typeof value === "string") return value.replaceAll("$", "$$$$");
  if (Array.isArray(value)) return value.map((item) => translate("", item));
  if (!isTable(value)) return value;
  const verbatim = VERBATIM.has(key) || key === "verbatim";
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.map(([name, item]) => {
      if (verbatim) return [name, translate("verbatim", item)];
      if (key === "timeouts" && typeof item === "number") return [snakeCase(name), `${item}ms`];
      return [snakeCase(name), translate(snakeCase(name), item)];
    }),
  );
}

/** `provider.X.base_url` of the file as `targets[0].baseUrl` of the call. */
function placeOf(path: string, names: readonly string[]): string {
  const camel = (text: string) => text.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  for (const [index, name] of names.entries()) {
    const head = formatPath(["provider", name]);
    if (path === head || path.startsWith(`${head}.`) || path.startsWith(`${head}[`))
      return `targets[${index}]${camel(path.slice(head.length))}`;
  }
  const head = `model.${POOL}.`;
  const inner = path.startsWith(head) ? path.slice(head.length) : path;
  return inner.startsWith("targets") ? camel(inner) : `options.${camel(inner)}`;
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
