/** What people read: the start message, the status table, and the list of what has no effect. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { test } from "node:test";
import { startMessage } from "../../src/cli/start-message.ts";
import { formatStatus, readStatus, type StatusReport } from "../../src/cli/status-report.ts";
import { unservedSections } from "../../src/cli/unserved.ts";
import { loadTree } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";

const DEMO = { provider: { demo: { demo: {} } }, model: { "it's": [{ provider: "demo", model: "demo" }] } };

function load(tree: Record<string, unknown>): Config {
  const result = loadTree(
    { console: { enabled: false }, ...DEMO, ...tree },
    { file: "test", env: {}, now: 0 },
  );
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  return result.config;
}

const PLACE = { host: "192.168.1.1", port: 4000, tls: false };

test("the curl line names an alias that works, quoted for the shell", () => {
  const { curl, url } = startMessage(load({}), PLACE, []);
  equal(url, "http://192.168.1.1:4000");
  match(curl, /^curl http:\/\/192\.168\.1\.1:4000\/v1\/chat\/completions /);
  match(curl, /"model":"it'\\''s"/);
});

test("auto is preferred, then demo; a pattern is the last choice", () => {
  const target = [{ provider: "demo", model: "demo" }];
  const model = (names: string[]) => ({ model: Object.fromEntries(names.map((name) => [name, target])) });
  const picked = (names: string[]) =>
    /"model":"([^"]+)"/.exec(startMessage(load(model(names)), PLACE, []).curl)?.[1];
  equal(picked(["x", "demo", "auto"]), "auto");
  equal(picked(["x", "demo"]), "demo");
  equal(picked(["*", "x"]), "x");
});

test("keys, TLS and addresses of IPv6 are shown as they are needed", () => {
  const keyed = load({ auth: { keys: [{ id: "a", key: "0123456789abcdef0123" }] } });
  match(startMessage(keyed, PLACE, []).curl, /authorization: Bearer YOUR_KEY/);
  const secure = startMessage(load({}), { host: "fd00::1", port: 443, tls: true }, []);
  equal(secure.url, "https://[fd00::1]:443");
  match(secure.curl, /^curl -k https:/);
  const local = load({ auth: { anonymous: "loopback" } });
  equal(startMessage(local, { host: "::", port: 4000, tls: false }, []).url, "http://127.0.0.1:4000");
});

test("what the built-in default found is told", () => {
  match(
    startMessage(load({}), PLACE, ["groq: GROQ_API_KEY is set"]).text,
    /Found: groq: GROQ_API_KEY is set/,
  );
});

const UNSERVED: Readonly<Record<string, Record<string, unknown>>> = {
  "[[policy]]": { policy: [{ name: "p", expression: "true", action: "alert" }] },
  "[[budget]]": { budget: [{ scope: "gateway", usd: 1 }] },
  "[[auth.keys]].budget": { auth: { keys: [{ id: "a", key: "0123456789abcdef0123", budget: { usd: 1 } }] } },
  "[[auth.keys]].rate_limit": {
    auth: { keys: [{ id: "a", key: "0123456789abcdef0123", rate_limit: { rpm: 1 } }] },
  },
  "[auth.anonymous_limits]": { auth: { anonymous_limits: { rate_limit: { rpm: 1 } } } },
  "[provider.*].rate_limit": { provider: { demo: { demo: {}, rate_limit: { rpm: 1 } } } },
  "[[auth.jwt]]": { auth: { jwt: [{ id: "j", key: "0123456789abcdef0123456789abcdef" }] } },
  "[cache]": { cache: { enabled: true } },
  "[telemetry].otlp_endpoint": { telemetry: { otlp_endpoint: "http://127.0.0.1:4318" } },
  "[telemetry].capture_content": { telemetry: { capture_content: true } },
};

for (const [section, tree] of Object.entries(UNSERVED)) {
  test(`${section} is told to have no effect, where it is configured`, () => {
    deepEqual(unservedSections(load({})), []);
    const [line, ...more] = unservedSections(load(tree));
    ok(line?.startsWith(`${section} has no effect in this build: `), line);
    deepEqual(more, []);
  });
}

const REPORT: StatusReport = {
  uptime_seconds: 90_061,
  version: "1.2.3",
  engine: "node",
  status: "shutting_down",
  config: {
    path: "/etc/sluice/config.toml",
    loaded_at: "2026-01-01T00:00:00.000Z",
    last_error: "it is wrong",
  },
  totals: { requests: 7, failed: 2, active: 1, tokens_in: 100, tokens_out: 200 },
  memory: { rss_bytes: 64 * 1024 * 1024, bodies: { used_bytes: 0, cap_bytes: 32 * 1024 * 1024 } },
  wan: "down",
  providers: [],
  targets: [
    {
      target: "openai/gpt-4o",
      status: "limited",
      stream_latency_ms: 321.4,
      whole_latency_ms: null,
      error_rate: 0.3,
      circuit: "open",
      circuit_left_ms: 12_300,
      cooldown_left_ms: 4000,
      requests: 4,
      successes: 3,
      tokens_in: 10,
      tokens_out: 20,
      last_request: "2026-01-01T00:00:00.000Z",
    },
  ],
  virtual_models: [
    { alias: "smart", strategy: "failover", targets: ["openai/gpt-4o"] },
    { alias: "empty", strategy: "latency", targets: [] },
  ],
};

test("the status table shows every figure of a target, then the totals", () => {
  const text = formatStatus(REPORT, Date.UTC(2026, 0, 1, 0, 2, 5));
  match(text, /openai\/gpt-4o +limited 4s +open 13s +321ms +- +30% +4 +75% +10\/20 +2m 5s ago/);
  match(text, /^smart \(failover\)$/m);
  match(text, /^empty \(latency\)$/m);
  match(text, /sluice 1\.2\.3, engine node, up 1d 1h, shutting down/);
  match(text, /requests 7, failed 2, under way 1; tokens in 100, out 200/);
  match(text, /memory 64\.0 MiB, bodies 0B of 32\.0 MiB; internet down/);
  match(text, /last reload failed: it is wrong/);
});

test("an answer that is no status is one clear line", () => {
  for (const body of [null, 1, {}, { totals: {} }]) {
    let message = "";
    try {
      readStatus(body);
    } catch (error) {
      message = (error as Error).message;
    }
    equal(message, "sluice: what answers there is no sluice of this version");
  }
});
