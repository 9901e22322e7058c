/** From the engine to whoever answers: ids, prefixes, browsers, administrators, operators' pages; on both engines. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { loadTree } from "../../src/config/load.ts";
import { createApp } from "../../src/http/app.ts";
import type { EngineKind } from "../../src/http/engine.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { type Answer, type AskOptions, ask } from "../support/ask.ts";
import { ENGINES, startEngine } from "./support/engines.ts";
import { type FakeGateway, fakeGateway } from "./support/fake-gateway.ts";
import { sendRaw, statusOf } from "./support/raw-client.ts";
import { realTime } from "./support/real-time.ts";

interface Settings {
  readonly tree?: Record<string, unknown>;
  readonly prefixes?: readonly string[];
  readonly reloadErrors?: readonly string[];
  readonly draining?: boolean;
  readonly hasConsole?: boolean;
  readonly metrics?: boolean;
}

interface Started {
  readonly port: number;
  readonly gateway: FakeGateway;
  get(path: string, headers?: Record<string, string>, method?: string): Promise<Answer>;
  post(path: string, headers?: Record<string, string>): Promise<Answer>;
}

async function start(t: TestContext, engine: EngineKind, settings: Settings = {}): Promise<Started> {
  const result = loadTree(settings.tree ?? {}, { file: "test", env: {}, now: 0 });
  if (!result.ok) throw new Error(JSON.stringify(result.errors));
  const gateway = fakeGateway(result.config, settings.prefixes);
  const time = realTime();
  const app = createApp({
    gateway,
    random: time.random,
    // Only errors, of which there are none: the test's own stderr stays clean.
    log: createLog({ level: "error", format: "json", color: false, timers: time.timers, fd: 2 }),
    interfaces: () => ({}),
    operations: {
      draining: settings.draining ?? false,
      hasConsole: settings.hasConsole ?? false,
      version: "1.2.3",
      status: () => ({ version: "1.2.3" }),
      reload: async () => settings.reloadErrors ?? [],
    },
  });
  const handler = settings.metrics === true ? app.handleMetrics : app.handle;
  const { port, errors } = await startEngine(t, engine, handler);
  t.after(() => deepEqual(errors, []));
  return {
    port,
    gateway,
    get: (path, headers = {}, method = "GET") => ask(port, path, { headers, method }),
    post: (path, headers = {}) =>
      ask(port, path, { body: "{}", headers: { "content-type": "application/json", ...headers } }),
  };
}

const PAGE = "http://page.example";
const code = (answer: Answer) => (answer.json()["error"] as { code: string }).code;

for (const engine of ENGINES) {
  const on = (name: string, run: (t: TestContext) => Promise<void>) => test(`${engine}: ${name}`, run);

  on("a request id of the caller's own is kept when it is short and printable, else made", async (t) => {
    const { get } = await start(t, engine);
    for (const path of ["/v1/models", "/health", "/status", "/nothing", "/v1/files"]) {
      equal((await get(path, { "x-request-id": "mine-1" })).headers["x-request-id"], "mine-1", path);
      const made = [await get(path), await get(path, { "x-request-id": "x".repeat(129) })];
      for (const { headers } of made) match(String(headers["x-request-id"]), /^slc-[0-9a-f]{16}$/);
    }
  });

  on("the longest claim on a path wins, the provider's at equal length", async (t) => {
    const prefixes = ["/openai", "/v1/chat/completions", "/v1/x/y"];
    const { get, post } = await start(t, engine, { prefixes });
    const whose = async (path: string) => (await get(path)).json();
    deepEqual(await whose("/openai/v1/models?x=1"), {
      asked: "prefix",
      prefix: "/openai",
      rest: "/v1/models",
      scope: "loopback",
      address: "127.0.0.1",
    });
    equal((await whose("/openai"))["rest"], "");
    equal((await whose("/openai-v2/models"))["code"], "not_found");
    const azure = await post("/openai/deployments/gpt/chat/completions");
    deepEqual([azure.json()["asked"], azure.json()["model"]], ["client", "gpt"]);
    equal((await post("/v1/chat/completions")).json()["asked"], "prefix");
    equal((await get("/v1/chat/completions")).json()["asked"], "prefix");
    equal((await post("/v1/embeddings")).json()["asked"], "client");
  });

  on("a prefix may take the Azure paths, and features the gateway has not got", async (t) => {
    const { post, get } = await start(t, engine, { prefixes: ["/openai/deployments", "/v1/files", "/api"] });
    equal((await post("/openai/deployments/gpt/chat/completions")).json()["prefix"], "/openai/deployments");
    equal((await get("/v1/files")).json()["prefix"], "/v1/files");
    equal((await get("/api/tags")).json()["asked"], "client");
    equal((await post("/api/pull")).json()["prefix"], "/api");
  });

  on("dot segments are resolved before anything is matched, in every spelling", async (t) => {
    const { get } = await start(t, engine, { prefixes: ["/openai"] });
    equal((await get("/openai/../v1/models")).json()["asked"], "client");
    equal((await get("/v1/%2e%2e/openai/x")).json()["rest"], "/x");
    for (const path of ["/openai/..%2fadmin", "/../openai", "/openai/%2e%2e/%2e%2e/x"]) {
      const answer = await get(path);
      deepEqual([answer.status, answer.json()["code"]], [400, "bad_path"], path);
    }
  });

  on("what is not there is said in the words of the path's protocol", async (t) => {
    const { get, post } = await start(t, engine);
    const cases: readonly (readonly [Answer, number, string, string])[] = [
      [await get("/v1/nothing"), 404, "openai-chat", "not_found"],
      [await get("/v1/chat/completions"), 405, "openai-chat", "method_not_allowed"],
      [await get("/v1/messages"), 405, "anthropic", "method_not_allowed"],
      [await get("/v1/responses"), 405, "openai-responses", "method_not_allowed"],
      [await get("/v1beta/nothing"), 404, "gemini", "not_found"],
      [await get("/v2/chat"), 405, "cohere", "method_not_allowed"],
      [await get("/v1/rerank"), 405, "cohere-v1", "method_not_allowed"],
      [await get("/api/chat"), 405, "ollama", "method_not_allowed"],
      [await post("/v1/files"), 501, "openai-chat", "not_implemented"],
      [await post("/v1/messages/batches"), 501, "anthropic", "not_implemented"],
      [await post("/v1beta/cachedContents"), 501, "gemini", "not_implemented"],
      [await post("/api/pull"), 501, "ollama", "not_implemented"],
      [await get("/v1/models/%ff"), 400, "openai-chat", "bad_path"],
    ];
    for (const [answer, status, protocol, expected] of cases) {
      const body = answer.json();
      deepEqual([answer.status, body["protocol"], body["code"]], [status, protocol, expected]);
    }
    equal(cases[1]?.[0].headers["allow"], "POST");
    match(String(cases[8]?.[0].json()["refused"]), /^files is not offered/);
    match(String(cases[11]?.[0].json()["refused"]), /Ollama's pull/);
  });

  on("/, /health, /healthz and /ready are for everybody", async (t) => {
    const { get, gateway } = await start(t, engine, { tree: { admin: { allow: [] } } });
    const root = await get("/");
    equal(root.status, 200);
    match(root.body, /^sluice 1\.2\.3[^\n]*\n$/);
    for (const path of ["/health", "/healthz"]) deepEqual((await get(path)).json(), { status: "ok" });
    equal((await get("/ready")).status, 200);
    gateway.usable = false;
    equal((await get("/ready")).status, 503);
  });

  on("HEAD gets a head and nothing else", async (t) => {
    const { port, get } = await start(t, engine);
    const body = await get("/");
    const head = await get("/", {}, "HEAD");
    deepEqual([head.status, head.body], [200, ""]);
    equal(head.headers["content-length"], String(body.body.length));
    const raw = await sendRaw(port, "HEAD / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    match(raw.bytes.toString(), /\r\n\r\n$/);
  });

  on("an administrator's browser is sent to the console where there is one", async (t) => {
    const browser = { accept: "text/html,*/*" };
    const { get } = await start(t, engine, { hasConsole: true });
    const sent = await get("/", browser);
    deepEqual([sent.status, sent.headers["location"]], [302, "/console/"]);
    equal((await get("/")).status, 200);
    equal((await get("/", { ...browser, "x-forwarded-for": "192.0.2.1" })).status, 200);
    const none = await start(t, engine);
    equal((await none.get("/", browser)).status, 200);
  });

  on("while draining health and readiness say so, reload is refused", async (t) => {
    const { get, post } = await start(t, engine, { draining: true });
    for (const path of ["/health", "/ready"]) {
      const answer = await get(path);
      deepEqual([answer.status, answer.json()], [503, { status: "shutting_down" }], path);
      ok(Number(answer.headers["retry-after"]) > 0);
    }
    const refused = await post("/reload");
    deepEqual([refused.status, code(refused)], [503, "shutting_down"]);
    equal((await get("/status")).status, 200);
  });

  on(
    "administrators' routes are closed to other peers, and through proxies nobody vouches for",
    async (t) => {
      const closed = await start(t, engine, { tree: { admin: { allow: [] } } });
      const open = await start(t, engine);
      const routes = [
        "/status",
        "/metrics",
        "/api/traces",
        "/console/",
        "/reload",
        "/admin/providers/demo/reset",
      ];
      for (const path of routes) {
        const asked = (started: Started, headers = {}) =>
          path.startsWith("/reload") || path.startsWith("/admin")
            ? started.post(path, headers)
            : started.get(path, headers);
        const refused = await asked(closed);
        equal(refused.status, 403, path);
        const { error } = refused.json() as { error: { message: string; type: string; code: string } };
        deepEqual(error, {
          message: "administrative routes are limited to nobody",
          type: "forbidden",
          code: "admin_only",
        });
        for (const header of ["x-forwarded-for", "forwarded", "x-real-ip"])
          equal((await asked(open, { [header]: "127.0.0.1" })).status, 403, `${path} ${header}`);
      }
    },
  );

  on(
    "a forwarding header from a stranger makes a caller remote, from a trusted proxy it is believed",
    async (t) => {
      const open = await start(t, engine);
      const headers = { "x-forwarded-for": "192.0.2.7" };
      deepEqual((await open.get("/v1/models", headers)).json()["scope"], "remote");
      const trusting = await start(t, engine, { tree: { server: { trusted_proxies: ["127.0.0.1/32"] } } });
      const { scope, address } = (await trusting.get("/v1/models", headers)).json();
      deepEqual([scope, address], ["remote", "192.0.2.7"]);
      const near = (await trusting.get("/v1/models", { "x-forwarded-for": "10.1.2.3" })).json();
      deepEqual([near["scope"], near["address"]], ["lan", "10.1.2.3"]);
    },
  );

  on("a token is asked of administrators where one is set", async (t) => {
    const { get, post } = await start(t, engine, { tree: { admin: { token: "s3cret-s3cret" } } });
    for (const authorization of ["", "Bearer wrong", "Basic s3cret-s3cret", "s3cret-s3cret"]) {
      const refused = await get("/status", authorization === "" ? {} : { authorization });
      deepEqual([refused.status, code(refused)], [403, "admin_only"], authorization);
      ok(!refused.body.includes("s3cret"));
    }
    const authorization = "Bearer s3cret-s3cret";
    equal((await get("/status", { authorization })).status, 200);
    equal((await post("/reload", { authorization })).status, 200);
    equal((await get("/health")).status, 200);
  });

  on("a change needs content-type: application/json, so that no form can ask for it", async (t) => {
    const { post, gateway } = await start(t, engine);
    for (const type of [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
    ]) {
      equal((await post("/admin/providers/demo/offline", { "content-type": type })).status, 415);
    }
    equal(gateway.offline.get("demo"), false);
    equal((await post("/reload", { "content-type": "application/json; charset=utf-8" })).status, 200);
  });

  on("providers are switched, an unknown one is 404 with the names there are", async (t) => {
    const { post, gateway } = await start(t, engine);
    const off = await post("/admin/providers/demo/offline");
    deepEqual(off.json(), { provider: "demo", action: "offline", offline: true });
    equal(gateway.offline.get("demo"), true);
    equal((await post("/admin/providers/demo/online")).json()["offline"], false);
    equal((await post("/admin/providers/demo/reset")).status, 200);
    const unknown = await post("/admin/providers/no%2Fbody/offline");
    deepEqual([unknown.status, code(unknown)], [404, "provider_not_found"]);
    match(unknown.body, /no\/body.*there are: demo/);
    equal((await post("/admin/providers/demo/explode")).status, 404);
  });

  on("a reload that fails is 400 with every error", async (t) => {
    const errors = ["config.toml:1: a: is wrong", "config.toml:2: b: is wrong"];
    const { post } = await start(t, engine, { reloadErrors: errors });
    const answer = await post("/reload");
    equal(answer.status, 400);
    deepEqual((answer.json()["error"] as { errors: string[] }).errors, errors);
  });

  on("parts of another build are 404 with a clear word", async (t) => {
    const { get } = await start(t, engine);
    for (const [path, what] of [
      ["/metrics", /metrics in Prometheus' form are not in this build/],
      ["/api/traces", /REST interface is not in this build/],
      ["/console/index.html", /web console is not in this build/],
    ] as const) {
      const answer = await get(path);
      deepEqual([answer.status, code(answer)], [404, "not_found"]);
      match(answer.body, what);
    }
  });

  on(
    "a page of another origin gets CORS headers only where configured, preflights before any key",
    async (t) => {
      const preflight = {
        origin: PAGE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,x-stainless-os",
      };
      const none = await start(t, engine);
      const refused = await none.get("/v1/chat/completions", preflight, "OPTIONS");
      deepEqual([refused.status, refused.headers["access-control-allow-origin"]], [204, undefined]);
      equal(
        (await none.get("/v1/models", { origin: PAGE })).headers["access-control-allow-origin"],
        undefined,
      );

      const some = await start(t, engine, {
        tree: { server: { cors_origins: [PAGE] } },
        prefixes: ["/openai"],
      });
      for (const path of ["/v1/chat/completions", "/openai/v1/x"]) {
        const allowed = await some.get(path, preflight, "OPTIONS");
        equal(allowed.status, 204);
        equal(allowed.headers["access-control-allow-origin"], PAGE);
        match(String(allowed.headers["access-control-allow-methods"]), /POST/);
        equal(allowed.headers["access-control-allow-headers"], "authorization,x-stainless-os");
      }
      const answer = await some.get("/v1/models", { origin: PAGE });
      deepEqual([answer.status, answer.headers["access-control-allow-origin"]], [200, PAGE]);
      equal((await some.get("/v1/nothing", { origin: PAGE })).headers["access-control-allow-origin"], PAGE);
      const other = await some.get("/v1/models", { origin: "http://other.example" });
      deepEqual([other.status, other.headers["access-control-allow-origin"]], [200, undefined]);
    },
  );

  on("administrators' routes never answer pages of other origins", async (t) => {
    const { get, post } = await start(t, engine, { tree: { server: { cors_origins: ["*"] } } });
    for (const answer of [
      await get("/status", { origin: PAGE }),
      await post("/reload", { origin: PAGE }),
      await get("/status", { "sec-fetch-site": "cross-site" }),
      await get("/status", { origin: PAGE, "access-control-request-method": "GET" }, "OPTIONS"),
    ]) {
      deepEqual([answer.status, answer.headers["access-control-allow-origin"]], [403, undefined]);
    }
  });

  on("a name that somebody else can point at this device is refused (DNS rebinding)", async (t) => {
    const { port, get } = await start(t, engine, { tree: { server: { host_names: ["nas.lan"] } } });
    const rebound = { host: "evil.example", origin: "http://evil.example" };
    const client = await get("/v1/models", rebound);
    deepEqual([client.status, client.json()["code"]], [403, "unknown_host"]);
    const admin = await get("/status", { host: "evil.example" });
    deepEqual([admin.status, code(admin)], [403, "unknown_host"]);
    for (const host of ["nas.lan", `nas.lan:${port}`, "localhost", "127.0.0.1", "[::1]:4000"])
      equal((await get("/status", { host })).status, 200, host);
    // No browser: SDKs may use whatever name the network has for the device.
    equal((await get("/v1/models", { host: "evil.example" })).status, 200);
  });

  on("OPTIONS without a page says what is allowed", async (t) => {
    const { get, port } = await start(t, engine);
    const answer = await get("/v1/models", {}, "OPTIONS");
    deepEqual([answer.status, answer.headers["allow"]], [204, "GET, HEAD, OPTIONS"]);
    equal((await get("/nothing", {}, "OPTIONS")).status, 404);
    const star = await sendRaw(port, "OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    // uWebSockets.js refuses this form itself.
    ok([204, 400, 505].includes(statusOf(star.bytes)), star.bytes.toString());
  });

  on("the second listener serves its three pages and nothing else", async (t) => {
    const { get, post } = await start(t, engine, { metrics: true, prefixes: ["/openai"] });
    equal((await get("/health")).status, 200);
    equal((await get("/status")).status, 200);
    equal((await get("/metrics")).status, 404);
    for (const path of ["/v1/models", "/openai/v1", "/", "/ready", "/api/traces"]) {
      const answer = await get(path);
      deepEqual([answer.status, code(answer)], [404, "not_found"], path);
    }
    equal((await post("/reload")).status, 404);
  });

  on("every method on every kind of path gets one whole answer with an id", async (t) => {
    const { port } = await start(t, engine, { prefixes: ["/openai"] });
    const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
    const paths = [
      "/",
      "//",
      "/v1/chat/completions",
      "/v1/chat/completions/",
      "/v1/models/a%2Fb",
      "/v1/models/%",
      "/v1beta/models/x:streamGenerateContent?alt=sse&key=abc",
      "/openai",
      "/openai/a?b=c",
      "/status?x=%00",
      "/admin/providers//offline",
      "/admin/providers/demo/offline",
      "/console",
      "/api",
      "/%2e%2e/x",
      "/a\\..\\b",
      `/${"x".repeat(3000)}`,
    ];
    const requests: (readonly [string, string, AskOptions])[] = methods.flatMap((method) =>
      paths.flatMap((path) => [
        [method, path, {}] as const,
        [method, path, { body: "{}", headers: { origin: PAGE, host: "localhost" } }] as const,
      ]),
    );
    for (const [method, path, options] of requests) {
      const answer = await ask(port, path, { ...options, method });
      ok(answer.status >= 200 && answer.status <= 505, `${method} ${path}: ${answer.status}`);
      match(String(answer.headers["x-request-id"]), /^slc-/, `${method} ${path}`);
    }
  });
}
