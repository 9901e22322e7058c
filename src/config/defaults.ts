/** The configuration that serves when there is no file: what the environment and this machine offer, and `demo`. */
import { type LoadResult, loadConfig } from "./load.ts";
import type { RoutingConfig } from "./schema.ts";
import type { Env } from "./variables.ts";

interface CloudProvider {
  readonly name: string;
  /** Variables that hold its key; the first that is set counts. */
  readonly variables: readonly string[];
  /** TOML lines of its section besides the key. */
  readonly place: string;
  /** A small, widely available model. */
  readonly model: string;
}

const CLOUD: readonly CloudProvider[] = [
  cloud("openai", ["OPENAI_API_KEY"], openai("https://api.openai.com/v1"), "gpt-4o-mini"),
  cloud("anthropic", ["ANTHROPIC_API_KEY"], "anthropic = {}", "claude-haiku-4-5"),
  cloud("gemini", ["GEMINI_API_KEY", "GOOGLE_API_KEY"], "google_ai = {}", "gemini-2.5-flash"),
  cloud("groq", ["GROQ_API_KEY"], openai("https://api.groq.com/openai/v1"), "llama-3.3-70b-versatile"),
  cloud("openrouter", ["OPENROUTER_API_KEY"], openai("https://openrouter.ai/api/v1"), "openrouter/auto"),
  cloud("mistral", ["MISTRAL_API_KEY"], openai("https://api.mistral.ai/v1"), "mistral-small-latest"),
  cloud("deepseek", ["DEEPSEEK_API_KEY"], openai("https://api.deepseek.com/v1"), "deepseek-chat"),
  cloud(
    "cohere",
    ["CO_API_KEY", "COHERE_API_KEY"],
    'protocol = "cohere"\nbase_url = "https://api.cohere.com"',
    "command-r-08-2024",
  ),
  cloud(
    "sambanova",
    ["SAMBANOVA_API_KEY"],
    openai("https://api.sambanova.ai/v1"),
    "Meta-Llama-3.3-70B-Instruct",
  ),
  cloud("cerebras", ["CEREBRAS_API_KEY"], openai("https://api.cerebras.ai/v1"), "gpt-oss-120b"),
];

function cloud(name: string, variables: readonly string[], place: string, model: string): CloudProvider {
  return { name, variables, place, model };
}

function openai(url: string): string {
  return `base_url = "${url}"`;
}

/** Servers people run beside the gateway, at the ports they listen on unless told otherwise. */
const LOCAL = [
  { name: "ollama", url: "http://localhost:11434", place: 'ollama = { url = "http://localhost:11434" }' },
  { name: "llamacpp", url: "http://localhost:8080", place: openai("http://localhost:8080/v1") },
  { name: "lmstudio", url: "http://localhost:1234", place: openai("http://localhost:1234/v1") },
] as const;

/** Asks `GET <url>/v1/models`: the ids it lists, or null when nothing (or something else) answers there. */
export type ProbeModels = (url: string) => Promise<readonly string[] | null>;

export interface DefaultOptions {
  readonly env: Env;
  readonly probe: ProbeModels;
  /** For the alias `auto`. */
  readonly strategy: RoutingConfig["strategy"];
  readonly now: number;
}

export interface DefaultConfig {
  readonly result: LoadResult;
  /** The same as TOML, to be shown or saved; keys stand in it as variables only. */
  readonly text: string;
  /** For the log: one sentence per provider that was found. */
  readonly chosen: readonly string[];
}

/** Demo is never in one list with real providers, or failover would return invented text (10-config.md). */
export async function buildDefault(options: DefaultOptions): Promise<DefaultConfig> {
  const sections: string[] = [];
  const targets: string[] = [];
  const chosen: string[] = [];

  for (const { name, variables, place, model } of CLOUD) {
    const variable = variables.find((candidate) => (options.env[candidate] ?? "") !== "");
    if (variable === undefined) continue;
    sections.push(`[provider.${name}]\n${place}\napi_key = "\${${variable}}"\n`);
    targets.push(targetLine(name, model));
    chosen.push(`${name}: ${variable} is set`);
  }

  const answers = await Promise.all(LOCAL.map(({ url }) => options.probe(url)));
  LOCAL.forEach(({ name, url, place }, index) => {
    const models = answers[index] ?? null;
    if (models === null) return;
    sections.push(`[provider.${name}]\n${place}\n`);
    const model = models.find(isChatModel);
    if (model !== undefined) targets.push(targetLine(name, model));
    chosen.push(`${name}: ${url} answers${model === undefined ? ", without a model" : ` with ${model}`}`);
  });

  sections.push("[provider.demo]\ndemo = {}\n");
  if (targets.length > 0)
    sections.push(`[model.auto]\nstrategy = "${options.strategy}"\ntargets = [\n${targets.join("")}]\n`);
  sections.push('[model.demo]\ntargets = [{ provider = "demo", model = "demo" }]\n');

  const text = sections.join("\n");
  const result = loadConfig(text, { file: "built-in default", env: options.env, now: options.now });
  return { result, text, chosen };
}

function targetLine(provider: string, model: string): string {
  return `  { provider = "${provider}", model = ${JSON.stringify(model)} },\n`;
}

/** Servers list embedding models too, and llama.cpp file names that no request can name. */
function isChatModel(id: string): boolean {
  return /^[!#-[\]-~]{1,256}$/.test(id) && !/embed|rerank|whisper/i.test(id) && !id.includes("${");
}
