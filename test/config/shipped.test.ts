// The files people start with: config.toml, the template of `sluice init`, and the default without any file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { buildDefault, type ProbeModels } from "../../src/config/defaults.ts";
import { INIT_TEMPLATE } from "../../src/config/init-template.ts";
import { load, loaded, NOW } from "./sample.ts";

const SHIPPED = readFileSync("config.toml", "utf8");

test("config.toml loads as it is, with an empty environment", () => {
  const result = load(SHIPPED);
  assert.ok(result.ok);
  const names = [...result.config.provider.keys()];
  assert.deepEqual(names, ["groq", "gemini", "openrouter", "mistral", "cerebras", "sambanova", "ollama"]);
  assert.deepEqual([...result.config.model.keys()], ["smart", "basic"]);
  const off = names.filter((name) => result.config.provider.get(name)?.off === "no_key");
  assert.deepEqual(off, names.slice(0, 6));
  assert.equal(result.warnings.length, 6 + 2, "one per provider without a key, one per alias");
  for (const model of result.config.model.values())
    assert.deepEqual(
      model.targets.map((target) => target.provider),
      ["ollama"],
    );
});

test("config.toml with all keys uses every provider, Ollama last, without a warning", () => {
  const names = ["GROQ", "GEMINI", "OPENROUTER", "MISTRAL", "CEREBRAS", "SAMBANOVA"];
  const env = Object.fromEntries(names.map((name) => [`${name}_API_KEY`, "k"]));
  const result = load(SHIPPED, env);
  assert.ok(result.ok);
  assert.deepEqual(result.warnings, []);
  for (const model of result.config.model.values()) {
    assert.equal(model.targets.length, 7);
    assert.equal(model.targets.at(-1)?.provider, "ollama");
    assert.equal(model.strategy, "failover");
  }
});

test("every commented key of config.toml and of the template is one the schema knows", () => {
  for (const text of [SHIPPED, INIT_TEMPLATE]) {
    const uncommented = text
      .replace(/^# (?:azure_openai|vertex_ai|bedrock|ollama) = .*$/gm, "")
      .replace(/^# (?=\[{1,2}[a-z]|[a-z0-9_]+ = )/gm, "")
      .replaceAll("<64 hexadecimal digits>", "a".repeat(64));
    const result = load(uncommented, { LAPTOP_KEY: "k" });
    assert.ok(result.ok, result.ok ? "" : JSON.stringify(result.errors, null, 1));
  }
});

test("the template of init loads as it is and answers with demo", () => {
  const config = loaded(INIT_TEMPLATE);
  assert.deepEqual(
    config.model.get("demo")?.targets.map((target) => target.provider),
    ["demo"],
  );
});

const silence: ProbeModels = async () => null;
const options = { env: {}, probe: silence, strategy: "failover", now: NOW } as const;

test("without keys and local servers the default is demo alone", async () => {
  const { result, chosen } = await buildDefault(options);
  assert.ok(result.ok);
  assert.deepEqual([...result.config.provider.keys()], ["demo"]);
  assert.deepEqual([...result.config.model.keys()], ["demo"]);
  assert.deepEqual([chosen, result.warnings], [[], []]);
});

test("the default takes every provider whose well-known variable is set", async () => {
  const variables: readonly (readonly [string, string])[] = [
    ["openai", "OPENAI_API_KEY"],
    ["anthropic", "ANTHROPIC_API_KEY"],
    ["gemini", "GEMINI_API_KEY"],
    ["gemini", "GOOGLE_API_KEY"],
    ["groq", "GROQ_API_KEY"],
    ["openrouter", "OPENROUTER_API_KEY"],
    ["mistral", "MISTRAL_API_KEY"],
    ["deepseek", "DEEPSEEK_API_KEY"],
    ["cohere", "CO_API_KEY"],
    ["cohere", "COHERE_API_KEY"],
    ["sambanova", "SAMBANOVA_API_KEY"],
    ["cerebras", "CEREBRAS_API_KEY"],
  ];
  for (const [name, variable] of variables) {
    const { result, text, chosen } = await buildDefault({ ...options, env: { [variable]: "the-secret" } });
    assert.ok(result.ok, variable);
    assert.equal(result.config.provider.get(name)?.apiKey, "the-secret");
    assert.deepEqual(
      result.config.model.get("auto")?.targets.map((target) => target.provider),
      [name],
    );
    assert.deepEqual(chosen, [`${name}: ${variable} is set`]);
    assert.doesNotMatch(text, /the-secret/);
  }
});

test("a well-known variable that is empty does not count", async () => {
  const { result } = await buildDefault({ ...options, env: { OPENAI_API_KEY: "" } });
  assert.deepEqual(result.ok && [...result.config.provider.keys()], ["demo"]);
});

test("local servers that answer are used with the first chat model they list", async () => {
  const asked: string[] = [];
  const probe: ProbeModels = async (url) => {
    asked.push(url);
    if (url.endsWith(":11434"))
      return ["nomic-embed-text", "a model with spaces", 'x"y', "llama3.2:3b", "other"];
    return url.endsWith(":1234") ? [] : null;
  };
  const { result, chosen } = await buildDefault({ ...options, probe });
  assert.deepEqual(asked, ["http://localhost:11434", "http://localhost:8080", "http://localhost:1234"]);
  assert.ok(result.ok);
  assert.deepEqual([...result.config.provider.keys()], ["ollama", "lmstudio", "demo"]);
  const targets = result.config.model.get("auto")?.targets ?? [];
  assert.deepEqual(
    targets.map(({ provider, model }) => `${provider}/${model}`),
    ["ollama/llama3.2:3b"],
  );
  assert.equal(chosen.length, 2);
});

test("demo is never in one list with real providers, and auto has the strategy asked for", async () => {
  const { result } = await buildDefault({
    ...options,
    env: { GROQ_API_KEY: "k", OPENAI_API_KEY: "k" },
    strategy: "latency",
  });
  assert.ok(result.ok);
  const auto = result.config.model.get("auto");
  assert.deepEqual(
    auto?.targets.map((target) => target.provider),
    ["openai", "groq"],
  );
  assert.equal(auto?.strategy, "latency");
  assert.deepEqual(
    result.config.model.get("demo")?.targets.map((target) => target.provider),
    ["demo"],
  );
});
