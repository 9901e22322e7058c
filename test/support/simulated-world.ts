/** Named servers around a simulated gateway, and callers whose answers are timed. */
import assert from "node:assert/strict";
import { chat } from "./fake-answers.ts";
import type { FakeExchange } from "./fake-exchange.ts";
import type { Acts, NetworkRequest } from "./fake-network.ts";
import { providerOf, type SimulatedAlias, simulatedConfig } from "./simulated-config.ts";
import { type SimulatedGateway, simulateGateway } from "./simulated-gateway.ts";

export type Server = (stream: boolean, now: number, request: NetworkRequest) => Acts;

const PATH = "/v1/chat/completions";
/** Answers after `ms`. */
export function healthy(ms: number): (stream: boolean) => Acts {
  return (stream) => chat(stream, { text: "all is well here" }, { firstMs: ms });
}

/** Servers by provider name, an alias `m` over them in order. */
export function world(
  servers: Readonly<Record<string, Server>>,
  config: Partial<SimulatedAlias> = {},
  network: { readonly reach?: (host: string) => { reachable: boolean; afterMs: number } } = {},
): SimulatedGateway {
  return simulateGateway({
    ...network,
    toml: simulatedConfig({
      providers: Object.keys(servers),
      extra: "[limits]\nmax_streams_per_client = 1000\n",
      ...config,
    }),
    answer(request) {
      const server = servers[providerOf(request.host)];
      if (server === undefined) throw new Error(request.host);
      return server(request.json().stream === true, request.at, request);
    },
  });
}

/** A chat to `m`. */
export function ask(
  sim: SimulatedGateway,
  stream: boolean,
  more: object = {},
  headers: readonly string[] = [],
): Asked {
  const from = sim.time.clock.now();
  const asked: Asked = {
    exchange: sim.ask(
      PATH,
      { model: "m", messages: [{ role: "user", content: "hi" }], stream, ...more },
      headers,
    ),
    from,
    took: -1,
  };
  const note = () => {
    if (asked.exchange.closed && asked.took < 0) asked.took = sim.time.clock.now() - from;
  };
  asked.exchange.onChange = note;
  note();
  return asked;
}

export interface Asked {
  readonly exchange: FakeExchange;
  readonly from: number;
  /** Milliseconds until the answer was complete; -1 = not yet. */
  took: number;
}

export function assertAnswered(asked: Asked, by?: string): void {
  const { exchange } = asked;
  assert.equal(exchange.status, 200, exchange.text);
  assert.ok(exchange.how === "ended" || exchange.how === "responded", `${exchange.how}: ${exchange.text}`);
  if (exchange.how === "ended") assert.match(exchange.text, /\[DONE\]\n\n$/);
  assert.doesNotMatch(exchange.text, /"error"/);
  if (by !== undefined) assert.equal(exchange.header("x-sluice-provider"), by);
}

export function sendsTo(
  sim: SimulatedGateway,
  provider: string,
  from = 0,
  to = Number.POSITIVE_INFINITY,
): number {
  return sim.network.requests.filter(
    (one) => providerOf(one.host) === provider && one.at >= from && one.at < to,
  ).length;
}

/** Nothing is left of any request. */
export function assertClean(sim: SimulatedGateway): void {
  sim.time.advance(20 * 60_000);
  assert.equal(sim.gateway.active, 0);
  assert.equal(sim.gateway.status().memory.bodies.used, 0);
  assert.equal(sim.network.open, 0);
  assert.equal(sim.time.pending, sim.idleTimers);
  assert.deepEqual(sim.logged, []);
}
