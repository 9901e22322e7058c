/** Every request's way from the engine to whoever answers it: id, route, provider prefixes, browsers, administrators. */
import { networkInterfaces } from "node:os";
import type { Random } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { hasHeader } from "../base/headers.ts";
import type { Interfaces } from "../base/net.ts";
import type { Config } from "../config/schema.ts";
import type { Gateway, Origination } from "../gateway/gateway.ts";
import { createRequestIds } from "../gateway/request-id.ts";
import type { Log } from "../telemetry/log.ts";
import { type Access, compileAccess } from "./access.ts";
import { checkBrowser, corsHeaders, isFromBrowser, isPreflight, preflightHeaders } from "./browser.ts";
import { CorsExchange } from "./cors-exchange.ts";
import type { ExchangeHandler } from "./engine.ts";
import type { Exchange, Peer } from "./exchange.ts";
import { answerPage, missing, type Operations } from "./operator-pages.ts";
import { protocolOfPath } from "./path-protocol.ts";
import { type Client, identifyClient, isForwardedFor } from "./peer.ts";
import { type AnswerContext, answerFailure } from "./plain-answer.ts";
import { matchPrefix, type PrefixMatch } from "./prefix.ts";
import type { MatchedRoute, Route } from "./route.ts";
import { matchRoute, PUBLIC_PAGES } from "./routes.ts";

export interface AppOptions {
  readonly gateway: Gateway;
  readonly operations: Operations;
  readonly random: Random;
  readonly log: Log;
  /** The system's network interfaces; injected by tests. */
  readonly interfaces?: () => Interfaces;
}

export interface App {
  /** For the main listener. */
  readonly handle: ExchangeHandler;
  /** For `server.metrics_listen`: /metrics, /health and /status only. */
  readonly handleMetrics: ExchangeHandler;
  /** Rules for callers change with the configuration and with the system's addresses. */
  refresh(config: Config): void;
  /** Peers without a bound of connections per client. */
  isProxy(address: string): boolean;
}

/** Methods a page may use under a provider's prefix, where everything is passed on. */
const ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/** Pages of the second listener. */
const METRICS_PAGES: ReadonlySet<string> = new Set(["metrics", "health", "status"]);

export function createApp(options: AppOptions): App {
  const { gateway, operations, log } = options;
  const ids = createRequestIds(options.random);
  const interfaces = options.interfaces ?? networkInterfaces;
  let access: Access = compileAccess(gateway.config, interfaces());
  let warnedOfProxy = false;
  /** Clients that came straight here: engines give the same peer for the same address, or connection, again. */
  let known = new WeakMap<Peer, Client>();

  function identify(exchange: Exchange): Client {
    const { peer } = exchange;
    const direct = !isForwardedFor(exchange.headers);
    const remembered = direct ? known.get(peer) : undefined;
    if (remembered !== undefined) return remembered;
    const client = identifyClient(peer, exchange.headers, access.peers);
    if (direct) known.set(peer, client);
    if (client.unknownProxy && !warnedOfProxy) {
      warnedOfProxy = true;
      log.warn(
        { peer: client.address },
        "a proxy or tunnel forwards requests but is not in server.trusted_proxies: they need a key, and administrative routes are closed to them",
      );
    }
    return client;
  }

  function handle(exchange: Exchange): void {
    const matched = matchRoute(exchange.method, exchange.path);
    const prefix = providerPrefix(matched, gateway.prefixes);
    const isPlain = exchange.notes?.isPlain === true;
    const requestId = isPlain ? ids.make() : ids.take(exchange.headers);
    const isAdmin = prefix === null && isAdminRoute(matched.route);
    if (!isAdmin && (isPlain || !isFromBrowser(exchange.headers))) {
      dispatch(exchange, matched, prefix, requestId);
      return;
    }
    const refusal = checkBrowser(exchange.method, exchange.headers, isAdmin, access.browsers);
    if (refusal !== null) refuse(exchange, matched, isAdmin, refusal, requestId);
    else if (isPreflight(exchange.method, exchange.headers)) {
      const allow =
        prefix !== null ? ANY_METHOD : matched.route.kind === "options" ? matched.route.allow : ["GET"];
      const page = preflightHeaders(exchange.headers, allow, isAdmin, access.browsers);
      exchange.respond(204, ["x-request-id", requestId, ...page], "");
    } else {
      const page = hasHeader(exchange.headers, "origin")
        ? corsHeaders(exchange.headers, isAdmin, access.browsers)
        : [];
      dispatch(page.length === 0 ? exchange : new CorsExchange(exchange, page), matched, prefix, requestId);
    }
  }

  function dispatch(
    exchange: Exchange,
    matched: MatchedRoute,
    prefix: PrefixMatch | null,
    requestId: string,
  ): void {
    const { route } = matched;
    if (prefix !== null) {
      gateway.servePrefix(exchange, prefix.prefix, prefix.rest, originationOf(exchange, requestId));
      return;
    }
    switch (route.kind) {
      case "client":
        gateway.serve(exchange, route, originationOf(exchange, requestId));
        break;
      case "operator":
      case "console":
        administer(exchange, route, { requestId });
        break;
      case "options":
        exchange.respond(204, ["allow", route.allow.join(", "), "x-request-id", requestId], "");
        break;
      default:
        refuse(exchange, matched, false, refusalOf(route, exchange), requestId);
    }
  }

  function originationOf(exchange: Exchange, requestId: string): Origination {
    const origin = new RequestOrigin(exchange, requestId, identify);
    // One that comes through somebody else is looked at now: the operator may have to be told.
    if (exchange.notes?.isPlain !== true && isForwardedFor(exchange.headers)) origin.find();
    return origin;
  }

  function administer(
    exchange: Exchange,
    route: Extract<Route, { kind: "operator" | "console" }>,
    context: AnswerContext,
  ): void {
    const refusal = access.refuseAdmin(identify(exchange), exchange.headers);
    if (refusal !== null && isAdminRoute(route)) answerFailure(exchange, refusal, context);
    else if (route.kind === "console") answerFailure(exchange, missing("the web console is"), context);
    else answerPage({ ...context, exchange, route, isAdmin: refusal === null }, gateway, operations);
  }

  function refuse(
    exchange: Exchange,
    matched: MatchedRoute,
    isAdmin: boolean,
    failure: Failure,
    requestId: string,
  ): void {
    if (isAdmin) {
      answerFailure(exchange, failure, { requestId });
      return;
    }
    const { route, path } = matched;
    const protocol = route.kind === "client" ? route.protocol : protocolOfPath(path);
    gateway.refuse(exchange, protocol, failure, requestId);
  }

  return {
    handle,
    handleMetrics(exchange) {
      const matched = matchRoute(exchange.method, exchange.path);
      const { route } = matched;
      if (route.kind === "operator" && METRICS_PAGES.has(route.page)) {
        handle(exchange);
        return;
      }
      const failure = new Failure("not_found", "this address serves only /metrics, /health and /status", {
        code: "not_found",
      });
      answerFailure(exchange, failure, { requestId: ids.take(exchange.headers) });
    },
    refresh(config) {
      access = compileAccess(config, interfaces());
      known = new WeakMap();
    },
    isProxy: (address) => access.isProxy(address),
  };
}

/** Who a request comes from, found out when it is asked for: a caller with a key is known by that. */
class RequestOrigin implements Origination {
  readonly requestId: string;
  readonly #exchange: Exchange;
  readonly #identify: (exchange: Exchange) => Client;
  #client: Client | null = null;

  constructor(exchange: Exchange, requestId: string, identify: (exchange: Exchange) => Client) {
    this.requestId = requestId;
    this.#exchange = exchange;
    this.#identify = identify;
  }

  get scope(): Client["scope"] {
    return this.find().scope;
  }

  get address(): string {
    return this.find().address;
  }

  find(): Client {
    this.#client ??= this.#identify(this.#exchange);
    return this.#client;
  }
}

/** The longest claim on the whole path wins; at equal length the provider's prefix does (20-http.md). */
function providerPrefix(matched: MatchedRoute, prefixes: readonly string[]): PrefixMatch | null {
  if (prefixes.length === 0 || matched.path === "") return null;
  const found = matchPrefix(matched.path, prefixes);
  return found !== null && found.prefix.length >= matched.claimed ? found : null;
}

function isAdminRoute(route: Route): boolean {
  if (route.kind === "operator") return !PUBLIC_PAGES.has(route.page);
  return route.kind === "console" || (route.kind === "options" && route.admin);
}

function refusalOf(
  route: Exclude<Route, { kind: "client" | "operator" | "console" | "options" }>,
  { method, path }: Exchange,
): Failure {
  const shown = `${method.slice(0, 20)} ${path.slice(0, 200)}`;
  switch (route.kind) {
    case "unsupported":
      return new Failure(
        "unsupported",
        `${route.what} is not offered by this gateway: it keeps nothing between requests; a provider with a prefix takes such requests as they are`,
        { code: "not_implemented" },
      );
    case "method":
      return new Failure("method_not_allowed", `${shown}: the method must be ${route.allow.join(" or ")}`, {
        code: "method_not_allowed",
        headers: ["allow", route.allow.join(", ")],
      });
    case "bad-path":
      return new Failure("bad_request", "the path holds an escape or a dot segment that cannot be resolved", {
        code: "bad_path",
      });
    case "unknown":
      return new Failure("not_found", `there is nothing at ${shown}`, { code: "not_found" });
  }
}
