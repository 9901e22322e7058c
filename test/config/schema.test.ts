// Every key of config.toml: its default, a value of the wrong type, and a misspelling; generated from the schema.
import assert from "node:assert/strict";
import { test } from "node:test";
import { stringify } from "smol-toml";
import { formatPath } from "../../src/config/problem.ts";
import { maskConfig } from "../../src/config/secrets.ts";
import { allPaths, errorsOf, fullTree, load, loaded, withValue } from "./sample.ts";

const MiB = 1024 * 1024;
const NO_RATES = { rps: 0, burst: 0, rpm: 0, rpd: 0, tpm: 0, tpd: 0, max_concurrency: 0 };
const NO_TIMEOUTS = {
  connect: null,
  first_token: null,
  first_token_max: null,
  answer: null,
  commit: null,
  idle: null,
  content_idle: null,
  total: null,
  client_stall: null,
};

test("a file with nothing in it has the documented defaults", () => {
  const { provider, model, prices, ...rest } = maskConfig(loaded(""));
  assert.deepEqual([provider, model, prices], [{}, {}, {}]);
  assert.deepEqual(rest, {
    server: {
      host: null,
      bind_family: "dual",
      port: 4000,
      metrics_listen: null,
      cors_origins: [],
      host_names: [],
      lan_interfaces: [],
      engine: "auto",
      tls_cert: null,
      tls_key: null,
      trusted_proxies: [],
      drain_timeout: 30_000,
    },
    limits: {
      max_request_bytes: 32 * MiB,
      max_buffered_bytes: "auto",
      max_response_bytes: 32 * MiB,
      max_connections: 1024,
      max_connections_per_client: 128,
      max_streams_per_client: 64,
      stream_buffer_bytes: 65_536,
    },
    timeouts: {
      connect: 5000,
      first_token: 12_000,
      first_token_max: 180_000,
      private_first_token: 60_000,
      private_first_token_max: 900_000,
      answer: 540_000,
      commit: 30_000,
      idle: 60_000,
      content_idle: 300_000,
      total: 0,
      client_stall: 60_000,
    },
    retry: {
      max_attempts: "auto",
      per_target: 2,
      backoff_base: 250,
      backoff_max: 5000,
      retry_after_max: 3000,
      budget: 0.2,
    },
    circuit: {
      threshold: 3,
      cooldown: 15_000,
      cooldown_max: 300_000,
      idle_decay: 300_000,
      rate_limit_cooldown: 30_000,
      credential_cooldown: 300_000,
    },
    routing: {
      strategy: "latency",
      default_provider: "",
      ewma_alpha: 0.3,
      exploit_k: 3,
      error_threshold: 0.5,
    },
    auth: {
      anonymous: "lan",
      keys: [],
      anonymous_limits: { rate_limit: NO_RATES, budget: null },
      jwt: [],
    },
    admin: { allow: ["loopback"], token: "" },
    policy: [],
    budget: [],
    cache: { enabled: false, max_items: 5000, max_bytes: 16 * MiB, ttl: 7_200_000, deterministic_only: true },
    state: { file: "" },
    telemetry: {
      otlp_endpoint: "",
      otlp_headers: {},
      queue_size: 1024,
      trace_ring: 1000,
      trace_ring_bytes: 4 * MiB,
      capture_content: false,
    },
    console: { enabled: true },
    log: { level: "info", format: "auto" },
    attribution: {},
  });
});

test("a provider with nothing but its base URL has the documented defaults", () => {
  const config = loaded('[provider.openai]\nbase_url = "https://api.openai.com/v1"');
  assert.deepEqual(maskConfig(config)["provider"], {
    openai: {
      name: "openai",
      kind: "openai",
      protocol: "openai",
      base_url: "https://api.openai.com/v1",
      api_key: null,
      enabled: true,
      off: null,
      models: [],
      headers: {},
      extra_body: {},
      user_agent: null,
      forward_headers: [],
      prefix: "",
      responses_api: true,
      dialect: "auto",
      rate_limit: NO_RATES,
      max_connections: 256,
      ca_file: null,
      proxy: null,
      private: false,
      think_tags: false,
      timeouts: NO_TIMEOUTS,
    },
  });
});

test("a model with nothing but one target has the documented defaults", () => {
  const config = loaded(
    '[provider.demo]\ndemo = {}\n[model.m]\ntargets = [{ provider = "demo", model = "x" }]',
  );
  assert.deepEqual(maskConfig(config)["model"], {
    m: {
      alias: "m",
      strategy: "latency",
      targets: [
        {
          provider: "demo",
          model: "x",
          price: null,
          weight: 1,
          max_context: null,
          max_tokens: null,
          prefill: null,
          tools: null,
          images: null,
          json_schema: null,
        },
      ],
      fast_tier: false,
      retry: {
        max_attempts: null,
        per_target: null,
        backoff_base: null,
        backoff_max: null,
        retry_after_max: null,
        budget: null,
      },
      sticky: "auto",
      timeouts: NO_TIMEOUTS,
      hedge: null,
      continuation: true,
      private_only: false,
      strict: false,
      echo_alias: false,
    },
  });
});

test("entries of auth, policy and budget have the documented defaults", () => {
  const config = loaded(stringify(fullTree()));
  const [key] = config.auth.keys;
  assert.deepEqual(
    [key?.models, key?.providers, key?.budget, key?.expires, key?.keySha256],
    [[], [], null, null, null],
  );
  assert.deepEqual(
    [config.auth.jwt[0]?.audience, config.auth.jwt[0]?.issuer, config.auth.jwt[0]?.models],
    ["", "", []],
  );
  assert.deepEqual(config.policy[0], {
    name: "n",
    expression: "true",
    action: "alert",
    to: "",
    priority: 100,
    enabled: true,
    description: "",
    window: 60_000,
    onError: "allow",
  });
  assert.deepEqual(config.budget[0], {
    scope: { kind: "gateway" },
    usd: 1,
    tokens: null,
    window: "month",
    onExhausted: { kind: "reject" },
  });
  assert.deepEqual(config.model.get("m")?.hedge, { after: "p95", maxExtra: 0.05, anyPrice: false });
});

test("the sample file holds every table of the schema and loads without a complaint", () => {
  const result = load(stringify(fullTree()));
  assert.deepEqual(result, { ...result, ok: true, warnings: [] });
});

test("every key refuses a value of the wrong type and says what is allowed", () => {
  const paths = allPaths();
  assert.ok(paths.length > 200, `only ${paths.length} keys`);
  for (const { path } of paths) {
    const wrong = path.at(-1) === "expires" ? true : new Date(NOW_DATE);
    const errors = errorsOf(withValue(path, wrong));
    const name = formatPath(path);
    const own = errors.filter((error) => error.startsWith(`${name}: found `));
    assert.equal(own.length, 1, `${name}: ${errors.join(" | ")}`);
    assert.match(own[0] ?? "", /; allowed: \S/, name);
  }
});
const NOW_DATE = "2026-01-01T00:00:00Z";

test("every misspelt key is an error that names the key meant", () => {
  for (const { path, shape } of allPaths()) {
    if (typeof path.at(-1) !== "string" || !isKey(path)) continue;
    const key = String(path.at(-1));
    if (key.length < 3) continue;
    const typo = key.slice(0, -2) + key.slice(-1) + key.slice(-2, -1) === key ? `${key}z` : swapEnd(key);
    const errors = errorsOf(withValue([...path.slice(0, -1), typo], shape.kind === "value" ? 1 : {}));
    const name = formatPath([...path.slice(0, -1), typo]);
    assert.ok(
      errors.includes(`${name}: is not a key that is known here; did you mean ${JSON.stringify(key)}?`),
      `${name}: ${errors.join(" | ")}`,
    );
  }
});

function swapEnd(key: string): string {
  return key.slice(0, -2) + key.slice(-1) + key.slice(-2, -1);
}

/** Keys of the schema, not names that users choose. */
function isKey(path: readonly (string | number)[]): boolean {
  const parent = path.at(-2);
  const inMap = ["prices", "attribution", "headers", "otlp_headers"].includes(String(parent));
  return !inMap && !(path.length === 2 && (parent === "provider" || parent === "model"));
}

test("an unknown key that resembles nothing lists the keys there are", () => {
  const [error] = errorsOf("[console]\nzzzzzzzz = 1");
  assert.equal(error, "console.zzzzzzzz: is not a key that is known here; allowed: enabled");
});

test("keys in camelCase or with hyphens are recognised", () => {
  const errors = errorsOf('[provider.p]\nbaseUrl = "x"\napi-key = "y"\nenabled = false');
  assert.match(errors.join("\n"), /baseUrl: .*did you mean "base_url"/);
  assert.match(errors.join("\n"), /api-key: .*did you mean "api_key"/);
});

const BOUNDS: readonly (readonly [string, readonly unknown[], readonly unknown[]])[] = [
  ["server.port", [0, 65_535], [-1, 65_536, 1.5]],
  ["server.host", ["127.0.0.1", "::1", "fe80::1%br-lan"], ["localhost", "127.0.0.1:80", ""]],
  [
    "server.metrics_listen",
    ["127.0.0.1:9464", "[::1]:0"],
    ["9464", "::1:9464", "127.0.0.1:70000", "[127.0.0.1]:1"],
  ],
  ["server.cors_origins", [["*"], ["http://nas.lan:3000"]], [["nas.lan"], ["http://nas.lan/"], [5]]],
  [
    "server.trusted_proxies",
    [["10.0.0.0/8", "fd00::/8", "127.0.0.1"]],
    [["10.0.0.0/33"], ["lan"], ["::/129"]],
  ],
  ["server.host_names", [["nas.lan"]], [["http://nas.lan"], ["a b"], [""]]],
  ["limits.max_request_bytes", ["1KiB", 1024], ["1B", 1023, "32", -1, 1.5]],
  ["limits.max_buffered_bytes", ["auto", "64KiB"], ["none", "1KiB", true]],
  ["timeouts.total", ["0s"], ["0", 0, "-1s"]],
  ["timeouts.connect", ["1ms", "24d"], ["0s", "25d", "5"]],
  ["retry.max_attempts", ["auto", 1, 100], [0, 101, "all", 2.5]],
  ["retry.budget", [0, 1], [-0.1, 1.1]],
  ["routing.ewma_alpha", [0.001, 1], [0, 1.01, -1]],
  ["routing.error_threshold", [0, 1], [-0.1, 1.1]],
  [
    "provider.p.base_url",
    ["http://127.0.0.1:1", "https://x/v1/"],
    ["x", "ftp://x", "https://u:p@x", "https://x?a=1", "https://x#a", "https://"],
  ],
  [
    "provider.p.prefix",
    ["", "/openai", "/openai/deployments"],
    ["openai", "/openai/", "/", "/a/../b", "/a%2fb", "//a"],
  ],
  ["provider.p.proxy", ["", "http://u:p@127.0.0.1:1"], ["socks5://x", "127.0.0.1:1", "http://x/path"]],
  ["provider.p.private", ["auto", true, false], ["yes", 1]],
  ["provider.p.headers.x-a", ["b", "ü"], ["a\nb", "a\r\nb", "a\0", "日本"]],
  ["provider.p.user_agent", ["me/1"], ["a\nb"]],
  ["provider.p.rate_limit", [{ rps: 0.5 }, { rps: 1, burst: 2 }, { tpm: 1 }], [{ burst: 2 }, { rpm: -1 }]],
  ["provider.demo.demo.error_rate", [0, 1], [1.1, -1]],
  ["provider.demo.demo.tokens_per_second", [0.5], [0]],
  ["model.m.targets[0].weight", [0, 2.5], [-1]],
  ["model.m.hedge.after", ["p95", "800ms"], ["p99", "0s", "", 5]],
  ["model.m.hedge.max_extra", [0, 1], [1.5]],
  ["prices.x.input", [0, 0.15], [-1]],
  ["auth.anonymous", ["none", "loopback", "lan", "any"], ["all", ""]],
  ["auth.keys[0].key", ["k"], ["", "a b", "a\nb"]],
  [
    "auth.keys[0].budget",
    [{}, { usd: 0 }, { tokens: 5, window: "30d" }],
    [{ usd: -1 }, { window: "1w" }, { window: "1s" }],
  ],
  ["auth.keys[0].expires", [new Date("2027-01-01T00:00:00Z")], ["2027-01-01"]],
  ["admin.allow", [["loopback", "lan", "10.0.0.0/8"], []], [["all"], ["10.0.0.0/99"]]],
  ["policy[0].priority", [-5, 0], [1.5]],
  ["policy[0].expression", ["true"], ["", " "]],
  ["budget[0].window", ["1h", "1d", "30d", "day", "month"], ["week", "0s", "400d"]],
  ["telemetry.otlp_endpoint", ["", "http://127.0.0.1:4318"], ["127.0.0.1:4318", "http://u:p@x"]],
  ["attribution.service", ["", "a-b_1"], ["A b"]],
];

for (const [name, good, bad] of BOUNDS) {
  test(`${name} takes what it should and refuses the rest`, () => {
    const path = name.split(/[.[]/).map((part) => (part.endsWith("]") ? Number(part.slice(0, -1)) : part));
    for (const value of good)
      assert.deepEqual(errorsOf(withValue(path, value)), [], `${name} = ${JSON.stringify(value)}`);
    for (const value of bad) {
      const errors = errorsOf(withValue(path, value));
      assert.ok(errors.length > 0, `${name} = ${JSON.stringify(value)} was accepted`);
      assert.ok(
        errors.every((error) => error.startsWith(name)),
        errors.join(" | "),
      );
    }
  });
}
