/** A gateway that answers everything with what it was asked: for tests of the way to it. */
import type { Config } from "../../../src/config/schema.ts";
import type { Gateway, Origination, ProviderStatus } from "../../../src/gateway/gateway.ts";
import type { Exchange } from "../../../src/http/exchange.ts";

export interface FakeGateway extends Gateway {
  readonly offline: Map<string, boolean>;
  usable: boolean;
}

/** Answers hold `{ asked: "client" | "prefix", … }`; refusals `{ refused, protocol, code }`. */
export function fakeGateway(config: Config, prefixes: readonly string[] = []): FakeGateway {
  const offline = new Map<string, boolean>([["demo", false]]);
  const tell = (exchange: Exchange, from: Origination, what: object) =>
    exchange.respond(
      200,
      ["content-type", "application/json", "x-request-id", from.requestId],
      JSON.stringify({ ...what, scope: from.scope, address: from.address }),
    );
  return {
    config,
    prefixes,
    offline,
    usable: true,
    active: 0,
    served: 0,
    serve: (exchange, route, from) => tell(exchange, from, { asked: "client", ...route }),
    servePrefix: (exchange, prefix, rest, from) => tell(exchange, from, { asked: "prefix", prefix, rest }),
    refuse(exchange, protocol, failure, requestId) {
      const { message, code, status, headers } = failure;
      exchange.respond(
        status,
        ["content-type", "application/json", "x-request-id", requestId, ...headers],
        JSON.stringify({ refused: message, protocol, code }),
      );
    },
    configure() {},
    isReady() {
      return this.usable;
    },
    status: () => ({
      requests: { total: 3, failed: 1, active: 0, waiting: 0 },
      tokens: { input: 10, output: 20 },
      wan: "up",
      memory: { bodies: { used: 0, cap: 1024 }, answers: { used: 0, cap: 0 } },
      repairs: { finished: 0, failed: 0, bodiesDropped: 0, bodiesMissed: 0 },
      upstream: { open: 0, idle: 0, waiting: 0 },
      providers: [...offline].map(
        ([name, isOffline]): ProviderStatus => ({ name, kind: "demo", private: false, offline: isOffline }),
      ),
      models: [],
    }),
    setOffline(provider, isOffline) {
      if (!offline.has(provider)) return false;
      offline.set(provider, isOffline);
      return true;
    },
    reset: (provider) => offline.has(provider),
    startDrain() {},
    close() {},
    record: () => ({}),
    restore() {},
  };
}
