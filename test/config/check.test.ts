// The rules between sections: names that must exist, things that are unique or go together.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { errorsOf, load, warningsOf } from "./sample.ts";

const P = '[provider.p]\nbase_url = "https://llm.example/v1"\n';
const Q = '[provider.q]\nbase_url = "https://other.example/v1"\n';
const M = '[model.m]\ntargets = [{ provider = "p", model = "x" }]\n';
const KEY = '[[auth.keys]]\nid = "k"\nkey = "one"\n';
const LONG = "s".repeat(32);

function pem(type: "rsa" | "ec" | "ed25519", size: string | number = 0): string {
  const { publicKey } =
    type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: Number(size) })
      : type === "ec"
        ? generateKeyPairSync("ec", { namedCurve: String(size) })
        : generateKeyPairSync("ed25519");
  return publicKey.export({ type: "spki", format: "pem" }).toString();
}

const jwt = (more: string, id = "j") => `[[auth.jwt]]\nid = "${id}"\n${more}\n`;
const publicKey = (text: string) => jwt(`public_key = """\n${text}"""`);

/** What is written, the path that is refused, and a part of why. */
const REFUSED: readonly (readonly [string, string, string, RegExp])[] = [
  [
    "a target on a provider that is not there",
    `${P}[model]\nm = [{ provider = "pp", model = "x" }]`,
    "model.m[0].provider",
    /did you mean "p"/,
  ],
  ["an alias without a target", `${P}[model.m]\ntargets = []`, "model.m.targets", /at least one target/],
  ["an alias in short form without a target", `${P}[model]\nm = []`, "model.m", /at least one target/],
  [
    "the same target twice",
    `${P}[model]\nm = [{ provider = "p", model = "x" }, { provider = "p", model = "x" }]`,
    "model.m[1]",
    /p\/x a second time/,
  ],
  [
    "65 targets",
    `${P}[model]\nm = [${Array.from({ length: 65 }, (_, i) => `{ provider = "p", model = "x${i}" }`).join(",")}]`,
    "model.m",
    /at most 64/,
  ],
  [
    "weights that are all 0",
    `${P}[model.m]\nstrategy = "weighted"\ntargets = [{ provider = "p", model = "x", weight = 0 }]`,
    "model.m.targets",
    /no weight above 0/,
  ],
  [
    "an alias with white space",
    `${P}[model]\n"a b" = [{ provider = "p", model = "x" }]`,
    'model."a b"',
    /is no alias/,
  ],
  [
    "a pattern with two stars",
    `${P}[model]\n"*a*" = [{ provider = "p", model = "x" }]`,
    'model."*a*"',
    /at most one "\*"/,
  ],
  ["an empty alias", `${P}[model]\n"" = [{ provider = "p", model = "x" }]`, 'model.""', /is no alias/],
  ["a provider with a slash", '[provider."a/b"]\ndemo = {}', 'provider."a/b"', /is no provider name/],
  [
    "two shorthands",
    "[provider.p]\ndemo = {}\nollama = {}",
    "provider.p",
    /found ollama, demo; allowed: one shorthand/,
  ],
  [
    "a shorthand and a base URL",
    '[provider.p]\ndemo = {}\nbase_url = "https://x.example"',
    "provider.p",
    /found demo and base_url/,
  ],
  [
    "a shorthand and a protocol",
    '[provider.p]\ndemo = {}\nprotocol = "openai"',
    "provider.p",
    /found demo and protocol/,
  ],
  ["neither shorthand nor base URL", "[provider.p]", "provider.p", /needs base_url, or one of azure_openai/],
  ["a prefix twice", `${P}prefix = "/x"\n${Q}prefix = "/x"`, "provider.q.prefix", /which provider p has/],
  [
    "a prefix over the operator's paths",
    `${P}prefix = "/console"`,
    "provider.p.prefix",
    /path of the gateway itself/,
  ],
  [
    "a prefix on the demo provider",
    '[provider.p]\ndemo = {}\nprefix = "/x"',
    "provider.p.prefix",
    /no upstream/,
  ],
  ["a header the client writes", `${P}headers = { Host = "x" }`, "provider.p.headers.Host", /writes itself/],
  ["a header in two spellings", `${P}headers = { X-A = "1", x-a = "2" }`, "provider.p.headers.x-a", /twice/],
  [
    "a header with a line break in its name",
    `${P}headers = { "a\\nb" = "1" }`,
    'provider.p.headers."a\\nb"',
    /is no header name/,
  ],
  [
    "a forwarded cookie",
    `${P}forward_headers = ["x-a", "Cookie"]`,
    "provider.p.forward_headers[1]",
    /never forwarded/,
  ],
  [
    "a forwarded x-sluice header",
    `${P}forward_headers = ["x-sluice-user"]`,
    "provider.p.forward_headers[0]",
    /never forwarded/,
  ],
  [
    "an unknown default provider",
    `${P}[routing]\ndefault_provider = "r"`,
    "routing.default_provider",
    /no provider of this file/,
  ],
  ["tls_cert alone", '[server]\ntls_cert = "c"', "server.tls_cert", /without tls_key/],
  ["tls_key alone", '[server]\ntls_key = "c"', "server.tls_key", /without tls_cert/],
  [
    "TLS on hyper-express",
    '[server]\ntls_cert = "c"\ntls_key = "k"\nengine = "hyper-express"',
    "server.engine",
    /allowed: "auto" \| "node"/,
  ],
  [
    "metrics on the port of the server",
    '[server]\nport = 9464\nmetrics_listen = "127.0.0.1:9464"',
    "server.metrics_listen",
    /another port/,
  ],
  ["a cooldown above its maximum", '[circuit]\ncooldown = "10m"', "circuit.cooldown", /at most cooldown_max/],
  [
    "a backoff above its maximum",
    '[retry]\nbackoff_base = "10s"',
    "retry.backoff_base",
    /at most backoff_max/,
  ],
  ["an admin token with white space", '[admin]\ntoken = "a b"', "admin.token", /no header can carry/],
  ["a label Google refuses", '[attribution]\nService = "x"', "attribution.Service", /no label name/],
  ["a label value Google refuses", '[attribution]\nservice = "A b"', "attribution.service", /no label/],
  [
    "the same key id twice",
    `${KEY}[[auth.keys]]\nid = "k"\nkey = "two"`,
    "auth.keys[1].id",
    /"k" a second time/,
  ],
  [
    "a key and an issuer of the same id",
    `${KEY}${jwt(`key = "${LONG}"`, "k")}`,
    "auth.jwt[0].id",
    /a second time/,
  ],
  [
    "the same key under two ids",
    `${KEY}[[auth.keys]]\nid = "l"\nkey = "one"`,
    "auth.keys[1]",
    /same key as "k"/,
  ],
  [
    "the same key as text and as hash",
    `${KEY}[[auth.keys]]\nid = "l"\nkey_sha256 = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"`,
    "auth.keys[1]",
    /same key as "k"/,
  ],
  ["a key without a key", '[[auth.keys]]\nid = "k"', "auth.keys[0]", /neither of key and key_sha256/],
  [
    "a key and a hash",
    `${KEY}key_sha256 = "${"a".repeat(64)}"`,
    "auth.keys[0]",
    /both of key and key_sha256/,
  ],
  [
    "a hash that is none",
    '[[auth.keys]]\nid = "k"\nkey_sha256 = "abc"',
    "auth.keys[0].key_sha256",
    /64 hexadecimal/,
  ],
  [
    "a key for an unknown provider",
    `${P}${KEY}providers = ["q"]`,
    "auth.keys[0].providers[0]",
    /no provider of this file/,
  ],
  ["an issuer without a key", jwt(""), "auth.jwt[0]", /none of key, public_key and jwks_url/],
  [
    "an issuer with two keys",
    jwt(`key = "${LONG}"\njwks_url = "https://x.example/jwks"`),
    "auth.jwt[0]",
    /found 2 of/,
  ],
  [
    "an HMAC secret of 31 bytes",
    jwt(`key = "${LONG.slice(1)}"`),
    "auth.jwt[0].key",
    /31 bytes; allowed: at least 32/,
  ],
  [
    "a public key that is none",
    publicKey("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
    "auth.jwt[0].public_key",
    /no usable public key/,
  ],
  ["an RSA key of 1024 bits", publicKey(pem("rsa", 1024)), "auth.jwt[0].public_key", /at least 2048 bits/],
  ["an EC key on another curve", publicKey(pem("ec", "secp384r1")), "auth.jwt[0].public_key", /P-256/],
  [
    "a JWKS without an issuer",
    jwt('jwks_url = "https://x.example/jwks"'),
    "auth.jwt[0].issuer",
    /is missing/,
  ],
  [
    "a JWKS over http",
    jwt('jwks_url = "http://x.example/jwks"\nissuer = "i"'),
    "auth.jwt[0].jwks_url",
    /allowed: https/,
  ],
  [
    "two JWKS of one issuer",
    jwt('jwks_url = "https://x.example/1"\nissuer = "i"', "a") +
      jwt('jwks_url = "https://x.example/2"\nissuer = "i"', "b"),
    "auth.jwt[1].issuer",
    /an issuer of its own/,
  ],
  [
    "two policies of one name",
    '[[policy]]\nname = "n"\nexpression = "true"\naction = "block"\n[[policy]]\nname = "n"\nexpression = "true"\naction = "block"',
    "policy[1].name",
    /a second time/,
  ],
  [
    "a downgrade to nowhere",
    `${P}${M}[[policy]]\nname = "n"\nexpression = "true"\naction = "downgrade"\nto = "n"`,
    "policy[0].to",
    /no alias of this file/,
  ],
  [
    "a downgrade without an alias",
    '[[policy]]\nname = "n"\nexpression = "true"\naction = "downgrade"',
    "policy[0].to",
    /is missing/,
  ],
  [
    "a downgrade to a pattern",
    `${P}[model]\n"*" = [{ provider = "p", model = "x" }]\n[[policy]]\nname = "n"\nexpression = "true"\naction = "downgrade"\nto = "*"`,
    "policy[0].to",
    /found a pattern/,
  ],
  [
    "a block with a target alias",
    `${P}${M}[[policy]]\nname = "n"\nexpression = "true"\naction = "block"\nto = "m"`,
    "policy[0].to",
    /only with action = "downgrade"/,
  ],
  ["a budget of nothing", '[[budget]]\nscope = "gateway"', "budget[0]", /neither usd nor tokens/],
  [
    "a budget of an unknown alias",
    `${P}${M}[[budget]]\nscope = "alias:n"\nusd = 1`,
    "budget[0].scope",
    /no alias of this file/,
  ],
  [
    "a budget of an unknown scope",
    '[[budget]]\nscope = "user:x"\nusd = 1',
    "budget[0].scope",
    /"gateway" \| "alias:<name>"/,
  ],
  [
    "a budget that downgrades to nowhere",
    '[[budget]]\nscope = "gateway"\nusd = 1\non_exhausted = "downgrade:n"',
    "budget[0].on_exhausted",
    /no alias of this file/,
  ],
  [
    "a budget that downgrades to itself",
    `${P}${M}[[budget]]\nscope = "alias:m"\nusd = 1\non_exhausted = "downgrade:m"`,
    "budget[0].on_exhausted",
    /its own scope/,
  ],
  [
    "257 providers",
    Array.from({ length: 257 }, (_, i) => `[provider.p${i}]\ndemo = {}\n`).join(""),
    "provider",
    /at most 256/,
  ],
  [
    "1025 aliases",
    `${P}[model]\n${Array.from({ length: 1025 }, (_, i) => `m${i} = [{ provider = "p", model = "x" }]\n`).join("")}`,
    "model",
    /at most 1024/,
  ],
];

for (const [what, text, path, why] of REFUSED) {
  test(`refused: ${what}`, () => {
    const errors = errorsOf(text);
    assert.equal(errors.length, 1, errors.join("\n"));
    const [error = ""] = errors;
    assert.equal(error.slice(0, path.length + 2), `${path}: `);
    assert.match(error, why);
  });
}

const WARNED: readonly (readonly [string, string, string, RegExp])[] = [
  ["no provider at all", "", "", /has no provider/],
  [
    "any web page may call",
    '[provider.p]\ndemo = {}\n[server]\ncors_origins = ["*"]',
    "server.cors_origins",
    /any web page/,
  ],
  ["anybody may call", '[provider.p]\ndemo = {}\n[auth]\nanonymous = "any"', "auth.anonymous", /everybody/],
  [
    "everybody is an admin",
    '[provider.p]\ndemo = {}\n[admin]\nallow = ["0.0.0.0/0"]',
    "admin.allow",
    /without a token/,
  ],
  ["a vendor without a key", "[provider.p]\nanthropic = {}", "provider.p", /no credential/],
  [
    "a key in the clear",
    '[provider.p]\nbase_url = "http://llm.example"\napi_key = "k"',
    "provider.p.base_url",
    /unencrypted/,
  ],
  [
    "a price strategy without prices",
    `${P}[model.m]\nstrategy = "price"\ntargets = [{ provider = "p", model = "x" }]`,
    "model.m",
    /without a known price .*: p\/x$/,
  ],
  [
    "a budget in USD without prices",
    `${P}${M}[[budget]]\nscope = "gateway"\nusd = 1`,
    "model.m",
    /budget in USD .*: p\/x$/,
  ],
  ["a key's budget in USD without prices", `${P}${M}${KEY}budget = { usd = 1 }`, "model.m", /budget in USD/],
  [
    "private_only without a private target",
    `${P}${M}private_only = true`,
    "model.m.private_only",
    /leaves no target/,
  ],
  [
    "a key that has expired",
    `${P}${KEY}expires = 2025-01-01T00:00:00Z`,
    "auth.keys[0].expires",
    /has passed/,
  ],
  [
    "an allow-list with a typo",
    `${P}${M}${KEY}models = ["mm"]`,
    "auth.keys[0].models[0]",
    /"mm", which is no alias of this file; did you mean "m"/,
  ],
];

for (const [what, text, path, why] of WARNED) {
  test(`loads with a warning: ${what}`, () => {
    assert.deepEqual(errorsOf(text), []);
    const warnings = warningsOf(text);
    assert.equal(warnings.length, 1, warnings.join("\n"));
    assert.equal((warnings[0] ?? "").slice(0, path.length + 2), `${path}: `);
    assert.match(warnings[0] ?? "", why);
  });
}

const ACCEPTED: readonly (readonly [string, string])[] = [
  ["an alias named like provider/model", `${P}[model]\n"p/x" = [{ provider = "p", model = "x" }]`],
  [
    "patterns and $model",
    `${P}[model]\n"*" = [{ provider = "p", model = "$model" }]\n"claude-*" = [{ provider = "p", model = "x" }]\n"gpt-*-mini" = [{ provider = "p", model = "x" }]`,
  ],
  ["TLS with both files", `${P}[server]\ntls_cert = "c"\ntls_key = "k"`],
  ["a JWKS on the own network over http", `${P}${jwt('jwks_url = "http://127.0.0.1:1/jwks"\nissuer = "i"')}`],
  ["an RSA key of 2048 bits", `${P}${publicKey(pem("rsa", 2048))}`],
  ["a P-256 key", `${P}${publicKey(pem("ec", "prime256v1"))}`],
  ["an Ed25519 key", `${P}${publicKey(pem("ed25519"))}`],
  [
    "allow-lists with patterns and provider/model",
    `${P}models = ["bare"]\n${M}[model."c-*"]\ntargets = [{ provider = "p", model = "x" }]\n${KEY}models = ["m", "p/any", "c-3", "c-*", "bare"]`,
  ],
  [
    "a price from [prices]",
    `${P}[prices]\nx = { input = 1, output = 2 }\n[model.m]\nstrategy = "price"\ntargets = [{ provider = "p", model = "x" }]`,
  ],
  [
    "a price at the target",
    `${P}[model.m]\nstrategy = "price"\ntargets = [{ provider = "p", model = "x", price = { input = 0, output = 0 } }]`,
  ],
  ["the Azure prefix", `${P}prefix = "/openai/deployments"\n${Q}prefix = "/openai"`],
  ["the prefix of a disabled provider", `${P}prefix = "/x"\n${Q}prefix = "/x"\nenabled = false`],
  [
    "metrics on the server's port at another address",
    `${P}[server]\nhost = "127.0.0.1"\nport = 9464\nmetrics_listen = "[::1]:9464"`,
  ],
];

for (const [what, text] of ACCEPTED) {
  test(`accepted: ${what}`, () => {
    const result = load(text);
    assert.deepEqual(result.warnings, []);
    assert.ok(result.ok, result.ok ? "" : JSON.stringify(result.errors));
  });
}
