// What is shown of a configuration: the summary, the masked form, prices; and the identity of targets.
import assert from "node:assert/strict";
import { test } from "node:test";
import { providerIdentity, targetIdentity } from "../../src/config/identity.ts";
import { listPrices, lookupPrice, PRICES_DATE } from "../../src/config/prices.ts";
import { maskConfig } from "../../src/config/secrets.ts";
import { summarise } from "../../src/config/summary.ts";
import { loaded } from "./sample.ts";

const TEXT = `[provider.openai]
base_url = "https://api.openai.com/v1"
api_key = "sesame-1"
headers = { X-Extra = "sesame-2" }
extra_body = { user = "sesame-3" }
proxy = "http://user:sesame-4@127.0.0.1:3128"
[provider.empty]
base_url = "https://llm.example/v1"
api_key = ""
[provider.off]
enabled = false
demo = {}
[provider.home]
ollama = {}
[model.smart]
strategy = "failover"
targets = [{ provider = "openai", model = "gpt-4o" }, { provider = "home", model = "llama" }]
[model.gone]
targets = [{ provider = "off", model = "x" }]
[prices]
"gpt-4o" = { input = 1, output = 2 }
"home/llama" = { input = 0, output = 0 }
[[auth.keys]]
id = "laptop"
key = "sesame-5"
[[auth.jwt]]
id = "ci"
key = "sesame-6-sesame-6-sesame-6-sesame-6"
[admin]
token = "sesame-7"
[telemetry]
otlp_headers = { Authorization = "sesame-8" }
`;

test("the summary shows providers, keys found, aliases and totals", () => {
  assert.equal(
    summarise(loaded(TEXT)),
    `PROVIDER  KIND    BASE URL                   KEY    STATE
openai    openai  https://api.openai.com/v1  found  on
empty     openai  https://llm.example/v1     empty  off: no key
off       demo    demo://local               none   off
home      ollama  http://localhost:11434/v1  none   on, own network

MODEL  STRATEGY  TARGETS
smart  failover  openai/gpt-4o, home/llama
gone   latency   none that can be used

4 providers, 2 models, 2 targets, 1 key found
`,
  );
});

test("the masked configuration holds no secret, keeps the names users chose, and is plain JSON", () => {
  const masked = maskConfig(loaded(TEXT));
  const text = JSON.stringify(masked);
  assert.doesNotMatch(text, /sesame/);
  const providers = masked["provider"] as Record<string, Record<string, unknown>>;
  assert.deepEqual(Object.keys(providers), ["openai", "empty", "off", "home"]);
  assert.deepEqual(providers["openai"]?.["headers"], { "X-Extra": "***" });
  assert.equal(providers["openai"]?.["api_key"], "***");
  assert.equal(providers["openai"]?.["proxy"], "http://***@127.0.0.1:3128");
  assert.equal(providers["empty"]?.["api_key"], "");
  assert.equal((masked["auth"] as { keys: { id: string }[] }).keys[0]?.id, "laptop");
  assert.deepEqual(JSON.parse(text), masked);
});

test("prices: the file's before the built-in ones, provider/model before the bare id", () => {
  const config = loaded(TEXT);
  assert.deepEqual(lookupPrice(config, "openai", "gpt-4o"), {
    input: 1,
    output: 2,
    cachedInput: null,
    cacheWrite: null,
  });
  assert.equal(lookupPrice(config, "home", "llama")?.input, 0);
  assert.equal(lookupPrice(config, "openai", "llama"), null, "unknown is not 0");
  assert.equal(lookupPrice(config, "openai", "constructor"), null);
  assert.match(PRICES_DATE, /^\d{4}-\d{2}-\d{2}$/);
});

test("1000 tokens in and 500 out of gpt-4o-mini cost 0.00045 USD", () => {
  const price = lookupPrice(loaded(""), "openai", "gpt-4o-mini");
  assert.ok(price !== null);
  assert.equal((1000 * price.input + 500 * price.output) / 1e6, 0.00045);
});

test("a dated model id costs what the undated one does", () => {
  const config = loaded("");
  assert.deepEqual(lookupPrice(config, "x", "gpt-4o-2024-08-06"), lookupPrice(config, "x", "gpt-4o"));
  assert.deepEqual(
    lookupPrice(config, "x", "claude-haiku-4-5-20251001"),
    lookupPrice(config, "x", "claude-haiku-4-5"),
  );
  assert.equal(lookupPrice(config, "x", "llama-3.3-70b-versatile"), null, "a price of one provider only");
  assert.ok(lookupPrice(config, "groq", "llama-3.3-70b-versatile") !== null);
});

test("every built-in price is sane and the list names each id once", () => {
  const prices = listPrices(loaded(TEXT));
  assert.ok(prices.length >= 36);
  assert.equal(new Set(prices.map(({ id }) => id)).size, prices.length);
  assert.deepEqual(
    prices.filter(({ builtIn }) => !builtIn).map(({ id }) => id),
    ["gpt-4o", "home/llama"],
  );
  for (const { id, price, builtIn } of prices) {
    if (!builtIn) continue;
    assert.ok(price.input > 0 && price.input < 100 && price.output >= 0 && price.output < 200, id);
    assert.ok(price.cachedInput === null || price.cachedInput < price.input, id);
    assert.ok(price.cacheWrite === null || price.cacheWrite > price.input, id);
  }
});

test("a target keeps its identity over a reload, and loses it with its key, place, name or model", () => {
  const identity = (name: string, url: string, key: string, model: string) => {
    const config = loaded(
      `[provider.${name}]\nbase_url = "${url}"\napi_key = "${key}"\nmodels = ["${model}"]`,
    );
    const provider = config.provider.get(name);
    assert.ok(provider !== undefined);
    return targetIdentity(provider, model);
  };
  const first = identity("p", "https://a.example", "sesame", "m");
  assert.equal(identity("p", "https://a.example/", "sesame", "m"), first);
  const others = [
    identity("q", "https://a.example", "sesame", "m"),
    identity("p", "https://b.example", "sesame", "m"),
    identity("p", "https://a.example", "other", "m"),
    identity("p", "https://a.example", "sesame", "n"),
  ];
  assert.equal(new Set([first, ...others]).size, 5);
  assert.doesNotMatch(first, /sesame/);
});

test("a provider without a model has an identity of its own", () => {
  const config = loaded('[provider.v]\nvertex_ai = { project_id = "p" }');
  const provider = config.provider.get("v");
  assert.ok(provider !== undefined);
  assert.notEqual(providerIdentity(provider), targetIdentity(provider, "m"));
});
