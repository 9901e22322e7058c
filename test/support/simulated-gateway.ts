/** The whole gateway core in simulated time over a fake network: requests in, what their callers got out. */
import type { Gateway } from "../../src/gateway/gateway.ts";
import { createGateway } from "../../src/gateway/runtime.ts";
import { matchRoute } from "../../src/http/routes.ts";
import type { Log } from "../../src/telemetry/log.ts";
import { FakeExchange } from "./fake-exchange.ts";
import { createFakeNetwork, type FakeNetwork, type FakeNetworkOptions } from "./fake-network.ts";
import { type FakeTime, fakeTime } from "./fake-time.ts";
import { configOf } from "./gateway.ts";

export interface SimulatedGateway {
  readonly time: FakeTime;
  readonly network: FakeNetwork;
  readonly gateway: Gateway;
  /** Timers that run without any request. */
  readonly idleTimers: number;
  /** Errors that were logged: bugs. */
  readonly logged: string[];
  /** `before` gets the exchange before the gateway does. */
  ask(
    path: string,
    /** Text is sent as it is. */
    body: object | string,
    headers?: readonly string[],
    before?: (exchange: FakeExchange) => void,
  ): FakeExchange;
  reload(toml: string): void;
}

export interface SimulationOptions extends Omit<FakeNetworkOptions, "time"> {
  readonly toml: string;
  readonly seed?: number;
}

export function simulateGateway(options: SimulationOptions): SimulatedGateway {
  const time = fakeTime({ seed: options.seed ?? 1, wall: Date.UTC(2026, 5, 1) });
  const network = createFakeNetwork({ ...options, time });
  const logged: string[] = [];
  const gateway = createGateway({
    config: configOf(options.toml),
    time,
    log: quietLog(logged),
    upstream: network,
    version: "0.0.0-test",
    env: {},
    readFile: () => "",
    buildDate: 0,
  });
  const idleTimers = time.pending;
  let ids = 0;
  return {
    time,
    network,
    gateway,
    idleTimers,
    logged,
    ask(path, body, headers = [], before = () => {}) {
      const exchange = new FakeExchange(path, typeof body === "string" ? body : JSON.stringify(body), [
        "content-type",
        "application/json",
        ...headers,
      ]);
      before(exchange);
      const { route } = matchRoute("POST", path);
      if (route.kind !== "client") throw new Error(`no client route: ${path}`);
      gateway.serve(exchange, route, { scope: "loopback", address: "127.0.0.1", requestId: `sim-${++ids}` });
      return exchange;
    },
    reload: (toml) => gateway.configure(configOf(toml)),
  };
}

function quietLog(logged: string[]): Log {
  const note = (fields: object, message: string) => {
    const cause = "err" in fields ? ` ${String((fields.err as Error | undefined)?.stack)}` : "";
    logged.push(message + cause);
  };
  return {
    level: "error",
    trace() {},
    debug() {},
    info() {},
    warn() {},
    error: note,
    startLine: () => null,
    hide() {},
    dropped: 0,
    setLevel() {},
    flush() {},
  };
}
