// Loading: variables, line numbers, everything at once, secrets, names that mean something to JavaScript.
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultProvider, effectiveRetry, effectiveTimeouts } from "../../src/config/effective.ts";
import { loadTree } from "../../src/config/load.ts";
import { formatErrors } from "../../src/config/problem.ts";
import { errorsOf, load, loaded, NOW, warningsOf } from "./sample.ts";

const PROVIDER = '[provider.p]\nbase_url = "https://llm.example/v1"\n';

function keyOf(value: string, env: Record<string, string> = {}): string | null | undefined {
  return loaded(`${PROVIDER}api_key = ${JSON.stringify(value)}`, env).provider.get("p")?.apiKey;
}

test("variables are filled into strings", () => {
  assert.equal(keyOf("${A}", { A: "1" }), "1");
  assert.equal(keyOf("x${A}y${B}", { A: "1", B: "2" }), "x1y2");
  assert.equal(keyOf("${A:-d}", {}), "d");
  assert.equal(keyOf("${A:-d}", { A: "" }), "d");
  assert.equal(keyOf("${A:-d}", { A: "1" }), "1");
  assert.equal(keyOf("$$A $${A} $A $", { A: "1" }), "$A ${A} $A $");
  assert.equal(keyOf("${A}", { A: "${B}" }), "${B}", "what a variable holds is not read again");
});

test("variables in comments and keys are left alone", () => {
  const text = `# \${NOT_SET}\n${PROVIDER}extra_body = { "\${KEY}" = 1 } # \${NOT_SET}`;
  assert.deepEqual({ ...loaded(text).provider.get("p")?.extraBody }, { "${KEY}": 1 });
});

test("every undefined variable is an error that names key and variable", () => {
  const text = `${PROVIDER}api_key = "\${A}-\${B}"\nuser_agent = "\${C}"`;
  const errors = errorsOf(text);
  assert.equal(errors.length, 3);
  assert.match(errors[0] ?? "", /^provider\.p\.api_key: needs the environment variable A, which is not set/);
  assert.match(errors[1] ?? "", /^provider\.p\.api_key: .* B,/);
  assert.match(errors[2] ?? "", /^provider\.p\.user_agent: .* C,/);
});

test("names of Object.prototype are no variables that are set", () => {
  assert.match(
    errorsOf(`${PROVIDER}api_key = "\${constructor}"`)[0] ?? "",
    /variable constructor, which is not set/,
  );
});

test("a brace that begins no variable is an error", () => {
  for (const text of ["${", "${A", "${A-b}", "${1A}", "${}"])
    assert.match(errorsOf(`${PROVIDER}api_key = "${text}"`)[0] ?? "", /begins no variable/, text);
});

test("a disabled provider may have undefined variables", () => {
  const text =
    '[provider.p]\nenabled = false\nbase_url = "${HOST}"\napi_key = "${KEY}"\nheaders = { "x-a" = "${H}" }';
  const provider = loaded(text).provider.get("p");
  assert.deepEqual([provider?.enabled, provider?.off, provider?.apiKey], [false, "disabled", null]);
});

test("a provider whose key is empty is switched off with one warning", () => {
  const text = `${PROVIDER}api_key = "\${KEY:-}"`;
  assert.deepEqual(warningsOf(text), ["provider.p.api_key: is empty: this provider is switched off"]);
  const provider = loaded(text).provider.get("p");
  assert.deepEqual([provider?.enabled, provider?.off], [false, "no_key"]);
});

test("targets of switched-off providers are dropped, an alias without any stays", () => {
  const text = `${PROVIDER}api_key = ""
[provider.demo]
demo = {}
[model]
both = [{ provider = "p", model = "x" }, { provider = "demo", model = "y" }]
none = [{ provider = "p", model = "x" }]`;
  const config = loaded(text);
  assert.deepEqual(
    config.model.get("both")?.targets.map((target) => target.provider),
    ["demo"],
  );
  assert.deepEqual(config.model.get("none")?.targets, []);
  assert.deepEqual(warningsOf(text).slice(1), [
    "model.both: goes without targets of providers that are switched off: p/x",
    "model.none: goes without targets of providers that are switched off: p/x; no target is left: it cannot be used",
  ]);
});

test("all problems of a file are told at once, in its order, with their lines", () => {
  const text = `# comment
[server]
port = "4000"            # line 3

[provider.a]
base_url = "https://llm.example/v1"
api_key = "\${UNSET}"     # line 7
rate_limit = { rpm = 1,
  rps = -1 }             # line 9

[provider."b c"]
base_url = "nothing"     # line 12

[model]
fast = [
  { provider = "a", model = "x" },
  { provider = "nowhere", model = "y" },  # line 17
]

[[policy]]
name = "one"
expression = "true"
action = "alert"

[[policy]]
name = "two"
expression = "true"
action = "downgrade"
to = "fsat"              # line 29
[[auth.jwt]]
id = "j"
key = "short"            # line 32
`;
  const result = load(text);
  assert.ok(!result.ok);
  assert.equal(
    formatErrors(result.errors),
    `test.toml:3: server.port: found "4000"; allowed: a whole number between 0 and 65535
test.toml:7: provider.a.api_key: needs the environment variable UNSET, which is not set; allowed: set it, or give a default as in \${UNSET:-default}
test.toml:9: provider.a.rate_limit.rps: found -1; allowed: a number between 0 and 1000000
test.toml:11: provider."b c": is no provider name; allowed: letters, digits, dots, _ and -, at most 64
test.toml:12: provider."b c".base_url: found "nothing"; allowed: an http:// or https:// URL without credentials, query or fragment
test.toml:17: model.fast[1].provider: found "nowhere", which is no provider of this file
test.toml:29: policy[1].to: found "fsat", which is no alias of this file; did you mean "fast"?
test.toml:32: auth.jwt[0].key: found a secret of 5 bytes; allowed: at least 32 bytes
`,
  );
});

test("what is broken in one place causes no complaint in another", () => {
  const text = `[provider.a]
base_url = 5
[model.m]
targets = [{ provider = "a", model = 5 }]
[[budget]]
scope = "alias:m"
usd = "much"
[[auth.keys]]
id = "k"
key = 5
providers = ["a"]
models = ["m"]`;
  const errors = errorsOf(text);
  assert.deepEqual(
    errors.map((error) => error.slice(0, error.indexOf(":"))),
    ["provider.a.base_url", "model.m.targets[0].model", "budget[0].usd", "auth.keys[0].key"],
    errors.join("\n"),
  );
});

test("an entry of a list that is broken does not move the places of those behind it", () => {
  const policy = (name: string, more: string) =>
    `[[policy]]\nname = "${name}"\nexpression = "true"\n${more}\n`;
  const text =
    policy("a", 'action = "block"') + policy("b", "") + policy("c", 'action = "downgrade"\nto = "x"');
  const result = load(text);
  assert.ok(!result.ok);
  assert.deepEqual(
    result.errors.map(({ line, path }) => `${line} ${path}`),
    ["5 policy[1].action", "13 policy[2].to"],
  );
});

test("a text that is not TOML is one error with line and column, without its text", () => {
  const result = load('[server]\nport = 4000\napi = "sk-very-secret\nx = 1');
  assert.ok(!result.ok);
  assert.equal(result.errors.length, 1);
  assert.match(formatErrors(result.errors), /^test\.toml:3:\d+: is not TOML: /);
  assert.doesNotMatch(formatErrors(result.errors), /secret/);
});

test("a text of more than a megabyte, or nested too deep, is refused in no time", () => {
  const cases = [
    "#".repeat(1_100_000),
    `a${".a".repeat(200_000)} = 1`,
    `a = ${"[".repeat(50_000)}`,
    `[provider.p]\nextra_body.${"a.".repeat(60)}a = 1`,
  ];
  for (const text of cases) {
    const started = performance.now();
    assert.equal(load(text).ok, false, text.slice(0, 20));
    assert.ok(performance.now() - started < 5000);
  }
});

test("no more than 200 problems are told", () => {
  const text = Array.from({ length: 500 }, (_, index) => `zz${index} = 1`).join("\n");
  assert.equal(errorsOf(text).length, 200);
});

test("secrets never appear in a message", () => {
  const secret = "sesame-open-0123456789";
  const broken = [
    `[provider.p]\nbase_url = "https://u:${secret}@llm.example"`,
    `[provider.p]\nbase_url = "${secret}"\napi_key = "${secret}"`,
    `${PROVIDER}api_key = ["${secret}"]`,
    `${PROVIDER}api_key = "${secret}\\n"`,
    `${PROVIDER}api_kye = "${secret}"`,
    `${PROVIDER}proxy = "socks5://u:${secret}@127.0.0.1"`,
    `${PROVIDER}headers = { authorization = "${secret}\\n" }`,
    `${PROVIDER}headers = "authorization: ${secret}"`,
    `[telemetry]\notlp_headers = { authorization = "${secret}\\n" }`,
    `[[auth.keys]]\nid = "k"\nkey = "${secret} "`,
    `[[auth.keys]]\nid = "a"\nkey = "${secret}"\n[[auth.keys]]\nid = "b"\nkey = "${secret}"`,
    `[[auth.jwt]]\nid = "k"\nkey = "${secret}"`,
    `[admin]\ntoken = "${secret} "`,
    `[routing]\ndefault_provider = "${secret}"\n[admin]\ntoken = "${secret}"`,
    `[log]\nlevel = "\${LEVEL}"`,
    `api_key = "${secret}`,
    `[provider.p]\nvertex_ai = { project_id = "p", credentials = 5 }\napi_key = "${secret}"`,
  ];
  for (const text of broken) {
    const result = load(text, { LEVEL: secret });
    assert.ok(!result.ok, text);
    assert.doesNotMatch(formatErrors(result.errors) + formatErrors(result.warnings), /sesame/, text);
  }
});

test("a value that came from a variable is shown as it is written", () => {
  assert.match(
    errorsOf('[log]\nlevel = "${LEVEL}"', { LEVEL: "whatever" })[0] ?? "",
    /found "\$\{LEVEL\}"; allowed/,
  );
});

test("names that mean something to JavaScript break nothing", () => {
  const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"];
  for (const name of names) {
    assert.ok(errorsOf(`[${name}]\nx = 1`).length > 0, name);
    assert.ok(errorsOf(`[server]\n${name} = 1`).length > 0, name);
    const provider = errorsOf(
      `[provider.${name}]\ndemo = {}\n[model.${name}]\ntargets = [{ provider = "${name}", model = "x" }]`,
    );
    const allowed = name === "toString" || name === "hasOwnProperty";
    assert.equal(provider.length === 0, allowed, `${name}: ${provider.join(" | ")}`);
  }
  assert.equal(({} as Record<string, unknown>)["x"], undefined);
});

test("providers and aliases keep the order of the file, numbers too", () => {
  const text = `[provider.zeta]
demo = {}
[provider.2]
demo = {}
[provider.1]
demo = {}
[model]
b = [{ provider = "1", model = "x" }]
7 = [{ provider = "1", model = "x" }]
a = [{ provider = "1", model = "x" }]`;
  const config = loaded(text);
  assert.deepEqual([...config.provider.keys()], ["zeta", "2", "1"]);
  assert.deepEqual([...config.model.keys()], ["b", "7", "a"]);
});

test("the configuration is frozen all the way down", () => {
  const config = loaded(`${PROVIDER}models = ["x"]`);
  const models = config.provider.get("p")?.models ?? [];
  assert.throws(() => Object.assign(config.server, { port: 1 }), TypeError);
  assert.throws(() => (models as string[]).push("y"), TypeError);
  assert.throws(() => (config.provider as Map<string, unknown>).set("q", {}), TypeError);
  assert.throws(() => (config.provider as Map<string, unknown>).clear(), TypeError);
});

test("the short form of a model is its long form", () => {
  const target = '{ provider = "p", model = "x" }';
  const short = loaded(`${PROVIDER}[model]\nm = [${target}]`);
  const long = loaded(`${PROVIDER}[model.m]\ntargets = [${target}]`);
  assert.deepEqual(short.model, long.model);
});

test("aliases take the strategy of [routing] unless they have one", () => {
  const text = `${PROVIDER}[routing]\nstrategy = "price"\n[model.a]\ntargets = [{ provider = "p", model = "gpt-4o" }]\n[model.b]\nstrategy = "weighted"\ntargets = [{ provider = "p", model = "x" }]`;
  const config = loaded(text);
  assert.deepEqual(
    [...config.model.values()].map(({ strategy }) => strategy),
    ["price", "weighted"],
  );
});

test("anonymous callers are let in from the LAN until a key or an issuer is configured", () => {
  assert.equal(loaded("").auth.anonymous, "lan");
  assert.equal(loaded('[[auth.keys]]\nid = "k"\nkey = "s"').auth.anonymous, "none");
  assert.equal(loaded(`[[auth.jwt]]\nid = "k"\nkey = "${"s".repeat(32)}"`).auth.anonymous, "none");
  assert.equal(loaded('[auth]\nanonymous = "any"\n[[auth.keys]]\nid = "k"\nkey = "s"').auth.anonymous, "any");
});

const KINDS: readonly (readonly [string, object])[] = [
  [
    'base_url = "https://x.example/v1/"',
    { kind: "openai", protocol: "openai", baseUrl: "https://x.example/v1" },
  ],
  ['protocol = "cohere"\nbase_url = "https://x.example"', { kind: "cohere", protocol: "cohere" }],
  [
    'protocol = "gemini"\nbase_url = "https://x.example"',
    { kind: "google_ai", protocol: "gemini", apiVersion: "v1beta" },
  ],
  [
    'protocol = "anthropic"\nbase_url = "https://x.example"',
    { kind: "anthropic", protocol: "anthropic", version: "2023-06-01" },
  ],
  [
    'azure_openai = { resource_name = "r" }',
    {
      kind: "azure_openai",
      protocol: "openai",
      baseUrl: "https://r.openai.azure.com",
      apiVersion: "2024-10-21",
    },
  ],
  [
    'vertex_ai = { project_id = "p" }',
    {
      kind: "vertex_ai",
      protocol: "gemini",
      baseUrl: "https://us-central1-aiplatform.googleapis.com",
      projectId: "p",
      location: "us-central1",
      attribution: false,
      credentials: "",
    },
  ],
  ['vertex_ai = { project_id = "p", location = "global" }', { baseUrl: "https://aiplatform.googleapis.com" }],
  [
    'vertex_ai = { project_id = "p", location = "eu" }',
    { baseUrl: "https://aiplatform.eu.rep.googleapis.com" },
  ],
  [
    "google_ai = {}",
    { kind: "google_ai", protocol: "gemini", baseUrl: "https://generativelanguage.googleapis.com" },
  ],
  ["anthropic = {}", { kind: "anthropic", protocol: "anthropic", baseUrl: "https://api.anthropic.com" }],
  [
    'bedrock = { region = "eu-west-1" }',
    { kind: "bedrock", protocol: "anthropic", baseUrl: "https://bedrock-mantle.eu-west-1.api.aws/anthropic" },
  ],
  [
    'ollama = { url = "http://nas.lan:11434/" }',
    { kind: "ollama", protocol: "openai", baseUrl: "http://nas.lan:11434/v1", private: true },
  ],
  [
    'demo = { latency = "5ms" }',
    { kind: "demo", protocol: "openai", latency: 5, tokensPerSecond: 50, errorRate: 0, private: true },
  ],
];

for (const [text, expected] of KINDS) {
  test(`a provider with ${text.replaceAll("\n", ", ")} is told where to go`, () => {
    const provider = loaded(`[provider.p]\n${text}`).provider.get("p");
    assert.ok(provider !== undefined);
    for (const [member, value] of Object.entries(expected))
      assert.deepEqual(provider[member as keyof typeof provider], value, member);
  });
}

test("private is told by the host, unless the file says it", () => {
  const hosts: readonly (readonly [string, boolean])[] = [
    ["http://127.0.0.1:1", true],
    ["http://[::1]:1", true],
    ["http://10.1.2.3", true],
    ["http://172.31.0.1", true],
    ["http://172.32.0.1", false],
    ["http://192.168.0.1", true],
    ["http://100.64.0.1", true],
    ["http://169.254.1.1", true],
    ["http://[fd00::1]", true],
    ["http://[fe80::1]", true],
    ["http://[::ffff:10.0.0.1]", true],
    ["http://[2001:db8::1]", false],
    ["http://localhost:1", true],
    ["http://nas.lan", true],
    ["http://nas.local.", true],
    ["http://NAS.LAN", true],
    ["http://lan.example", false],
    ["https://api.openai.com", false],
    ["http://0x7f.1", true],
  ];
  for (const [url, expected] of hosts) {
    const provider = (more: string) => loaded(`[provider.p]\nbase_url = "${url}"\n${more}`).provider.get("p");
    assert.equal(provider("")?.private, expected, url);
    assert.equal(provider("private = false")?.private, false);
    assert.equal(provider("private = true")?.private, true);
  }
});

test("timeouts: the alias's over the provider's over [timeouts], private providers wait longer by default", () => {
  const config = loaded(`[timeouts]
connect = "1s"
idle = "7s"
[provider.public]
base_url = "https://llm.example"
timeouts = { connect = "2s", total = "9m" }
[provider.home]
base_url = "http://nas.lan"
[model.m]
targets = [{ provider = "public", model = "x" }]
timeouts = { connect = "3s", first_token = "4s", total = "0s" }`);
  const alias = config.model.get("m") ?? null;
  const [open, home] = [...config.provider.values()];
  assert.ok(open !== undefined && home !== undefined);
  const plain = effectiveTimeouts(config, null, open);
  assert.deepEqual(
    [plain.connect, plain.firstToken, plain.firstTokenMax, plain.total, plain.idle],
    [2000, 12_000, 180_000, 540_000, 7000],
  );
  const own = effectiveTimeouts(config, null, home);
  assert.deepEqual([own.connect, own.firstToken, own.firstTokenMax, own.idle], [1000, 60_000, 900_000, 7000]);
  const both = effectiveTimeouts(config, alias, open);
  assert.deepEqual([both.connect, both.firstToken, both.total], [3000, 4000, 0]);
  assert.equal(effectiveTimeouts(config, alias, home).firstToken, 4000);
});

test("a first_token in [timeouts] holds for private providers too", () => {
  const config = loaded('[timeouts]\nfirst_token = "100ms"\n[provider.p]\nbase_url = "http://127.0.0.1:1"');
  const provider = config.provider.get("p");
  assert.ok(provider !== undefined);
  const timeouts = effectiveTimeouts(config, null, provider);
  assert.deepEqual([timeouts.firstToken, timeouts.firstTokenMax], [100, 900_000]);
});

test("the soft deadline never lies behind the hard one", () => {
  const config = loaded('[timeouts]\nfirst_token_max = "2s"\n[provider.p]\nbase_url = "http://127.0.0.1:1"');
  const provider = config.provider.get("p");
  assert.ok(provider !== undefined);
  assert.equal(effectiveTimeouts(config, null, provider).firstToken, 2000);
});

test("max_attempts auto is one more than the targets, at least 4", () => {
  const targets = (count: number) =>
    Array.from({ length: count }, (_, index) => `{ provider = "p", model = "m${index}" }`).join(", ");
  const config = loaded(`${PROVIDER}[model]
one = [${targets(1)}]
six = [${targets(6)}]
[model.own]
targets = [${targets(6)}]
retry = { max_attempts = 2, per_target = 1 }`);
  const of = (alias: string) => effectiveRetry(config, config.model.get(alias) ?? null);
  assert.deepEqual([of("one").maxAttempts, of("six").maxAttempts, of("own").maxAttempts], [4, 7, 2]);
  assert.deepEqual([of("one").perTarget, of("own").perTarget, of("own").backoffBase], [2, 1, 250]);
  assert.equal(effectiveRetry(config, null).maxAttempts, 4);
});

test("a burst that is not given is one second's worth", () => {
  const config = loaded(`${PROVIDER}rate_limit = { rps = 2.5 }`);
  assert.equal(config.provider.get("p")?.rateLimit.burst, 3);
});

test("scopes, windows, hashes and dates arrive in their own forms", () => {
  const config = loaded(`${PROVIDER}[model]
m = [{ provider = "p", model = "gpt-4o" }]
n = [{ provider = "p", model = "gpt-4o" }]
[[auth.keys]]
id = "k"
key_sha256 = "${"AB".repeat(32)}"
expires = 2027-01-01T00:00:00Z
budget = { tokens = 5, window = "30d" }
[[budget]]
scope = "alias:m"
tokens = 5
window = "1h"
on_exhausted = "downgrade:n"
[[budget]]
scope = "tenant:a:b"
usd = 1.5
window = "day"`);
  const [key] = config.auth.keys;
  assert.deepEqual([key?.keySha256, key?.expires], ["ab".repeat(32), Date.UTC(2027, 0, 1)]);
  assert.deepEqual(key?.budget, { usd: null, tokens: 5, window: 30 * 86_400_000 });
  assert.deepEqual(config.budget[0]?.scope, { kind: "alias", name: "m" });
  assert.deepEqual(config.budget[0]?.onExhausted, { kind: "downgrade", to: "n" });
  assert.deepEqual([config.budget[0]?.window, config.budget[1]?.window], [3_600_000, "day"]);
  assert.deepEqual(config.budget[1]?.scope, { kind: "tenant", name: "a:b" });
});

test("a byte order mark does no harm and lines stay right", () => {
  const result = load('\ufeff[server]\nport = "x"');
  assert.ok(!result.ok);
  assert.equal(result.errors[0]?.line, 2);
});

test("a time without a date is no expiry", () => {
  assert.match(
    errorsOf('[[auth.keys]]\nid = "k"\nkey = "s"\nexpires = 07:32:00')[0] ?? "",
    /expires: found a date/,
  );
});

test("requests without a model go to the provider named, else to the first of OpenAI's protocol that is on", () => {
  const text = `[provider.a]
anthropic = {}
api_key = "k"
[provider.b]
enabled = false
base_url = "https://llm.example"
[provider.c]
base_url = "https://llm.example"
[provider.d]
base_url = "https://llm.example"
`;
  assert.equal(defaultProvider(loaded(text))?.name, "c");
  assert.equal(defaultProvider(loaded(`${text}[routing]\ndefault_provider = "d"`))?.name, "d");
  assert.equal(defaultProvider(loaded(`${text}[routing]\ndefault_provider = "b"`)), null);
  assert.equal(defaultProvider(loaded("")), null);
});

test("a tree of plain values loads like a file", () => {
  const options = { file: "library", env: {}, now: NOW };
  const tree = {
    provider: { p: { base_url: "https://llm.example" } },
    model: { m: [{ provider: "p", model: "x" }] },
  };
  const result = loadTree(tree, options);
  assert.ok(result.ok);
  assert.deepEqual(
    result.config,
    loaded('[provider.p]\nbase_url = "https://llm.example"\n[model]\nm = [{ provider = "p", model = "x" }]'),
  );
  const refused = loadTree({ server: { port: "x" } }, options);
  assert.ok(!refused.ok);
  assert.deepEqual(
    formatErrors(refused.errors),
    'library: server.port: found "x"; allowed: a whole number between 0 and 65535\n',
  );
});

test("names that only look long, and dummy keys, are still shown", () => {
  const errors = errorsOf(`[provider.ollama]
base_url = "http://localhost:11434/v1"
api_key = "ollama"
[model]
meta-llama-3-70b-instruct-quantized-awq-int4 = [{ provider = "olama", model = "x" }]`);
  assert.deepEqual(errors, [
    'model.meta-llama-3-70b-instruct-quantized-awq-int4[0].provider: found "olama", which is no provider of this file; did you mean "ollama"?',
  ]);
});

test("a credential that landed in the wrong place is not shown", () => {
  for (const secret of [
    "sk-proj-abcdefgh1234",
    "gsk_abcdefgh12345678",
    "AIzaSyA1234567890abcdef",
    "0123456789abcdef0123456789abcdef",
  ]) {
    for (const text of [
      `[log]\nlevel = "${secret}"`,
      `[routing]\ndefault_provider = "${secret}"`,
      `[server]\n${secret} = 1`,
    ]) {
      const message = errorsOf(text).join("\n");
      assert.ok(message !== "" && !message.includes(secret), message);
    }
  }
});
