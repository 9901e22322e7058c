/** A gateway on a real socket for tests: configuration text in, base URL out. */
import { createSystemTime, type SystemTime } from "../../src/base/system-time.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Gateway } from "../../src/gateway/gateway.ts";
import { createGateway } from "../../src/gateway/runtime.ts";
import type { Engine, EngineKind } from "../../src/http/engine.ts";
import { createEngine } from "../../src/http/engine-choice.ts";
import { matchPrefix } from "../../src/http/prefix.ts";
import { matchRoute } from "../../src/http/routes.ts";
import { createLog } from "../../src/telemetry/log.ts";
import type { Origin, UpstreamClient } from "../../src/upstream/client.ts";
import { createUpstreamClient } from "../../src/upstream/http1-client.ts";
import { originOf } from "../../src/upstream/origin.ts";

export interface TestGateway {
  readonly url: string;
  readonly gateway: Gateway;
  readonly engine: Engine;
  /** Its timers are counted by the leak hunt. */
  readonly time: SystemTime;
  /** Sends JSON and gives status, headers and text. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<TestAnswer>;
  reload(toml: string): void;
  close(): Promise<void>;
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  json(): ReturnType<typeof JSON.parse>;
}

export function configOf(toml: string, env: Record<string, string> = {}) {
  const loaded = loadConfig(toml, { file: "test.toml", env, now: Date.now() });
  if (!loaded.ok) throw new Error(loaded.errors.map((error) => `${error.path}: ${error.message}`).join("\n"));
  return loaded.config;
}

export interface TestGatewayOptions {
  readonly engine?: EngineKind | "auto";
  readonly log?: "warn" | "trace";
  /** Where connections go instead of the vendors' own hosts, by host name. */
  readonly hosts?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly readFile?: (path: string) => string;
  /** Epoch milliseconds; a later one than now makes the clock look as if it was never set. */
  readonly buildDate?: number;
  /** Stands in for the check that addresses are public. */
  readonly publicOrigin?: (url: URL) => Promise<Origin>;
}

/** An upstream client whose connections to these hosts end at local servers. */
function redirect(client: UpstreamClient, hosts: Readonly<Record<string, string>>): UpstreamClient {
  return {
    ...client,
    send(request, handler) {
      const url = hosts[request.origin.host];
      return client.send(url === undefined ? request : { ...request, origin: originOf(url) }, handler);
    },
  };
}

export async function startGateway(toml: string, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const time = createSystemTime();
  const log = createLog({
    level: options.log ?? "error",
    format: "json",
    color: false,
    timers: time.timers,
    fd: 2,
  });
  const upstream = redirect(createUpstreamClient({ time }), options.hosts ?? {});
  const gateway = createGateway({
    config: configOf(toml),
    time,
    log,
    upstream,
    version: "0.0.0-test",
    env: options.env ?? {},
    readFile: options.readFile ?? (() => ""),
    ...(options.publicOrigin === undefined ? {} : { publicOrigin: options.publicOrigin }),
    ...(options.buildDate === undefined ? {} : { buildDate: options.buildDate }),
  });
  const { engine } = await createEngine(options.engine ?? "node", {
    limits: {
      maxConnections: 4096,
      maxConnectionsPerClient: 4096,
      streamBufferBytes: 65_536,
      clientStallMs: 60_000,
    },
    time,
    tls: null,
    hotPrefixes: ["/v1"],
    hotPaths: ["/v1/chat/completions"],
    isExempt: () => false,
    onWarning() {},
    onError(error) {
      throw error;
    },
  });
  let ids = 0;
  const listener = await engine.listen({ host: "127.0.0.1", bindFamily: "ipv4", port: 0 }, (exchange) => {
    const from = { scope: "loopback", address: exchange.peer.address, requestId: `test-${++ids}` } as const;
    const { route, path } = matchRoute(exchange.method, exchange.path);
    if (route.kind === "client") {
      gateway.serve(exchange, route, from);
      return;
    }
    const prefix = matchPrefix(path, gateway.prefixes);
    if (prefix !== null) gateway.servePrefix(exchange, prefix.prefix, prefix.rest, from);
    else exchange.respond(404, [], "");
  });
  const url = `http://127.0.0.1:${listener.port}`;
  return {
    url,
    gateway,
    engine,
    time,
    async post(path, body, headers = {}) {
      const response = await fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
    },
    reload: (next) => gateway.configure(configOf(next)),
    async close() {
      gateway.close();
      engine.close();
      upstream.close();
      log.flush();
    },
  };
}

/** TOML of openai providers named a, b, c… at these URLs, and an alias `m` over all of them in order. */
export function failoverConfig(urls: readonly string[], extra = ""): string {
  const names = urls.map((_, index) => String.fromCharCode(97 + index));
  const providers = urls.map(
    (url, index) =>
      `[provider.${names[index]}]\nbase_url = "${url}/v1"\napi_key = "k-${names[index]}-secret"\n`,
  );
  const targets = names.map((name) => `{ provider = "${name}", model = "model-${name}" }`).join(", ");
  return `${extra}\n${providers.join("\n")}\n[model.m]\nstrategy = "failover"\ntargets = [${targets}]\n`;
}
