/** The native engine: hyper-express over uWebSockets.js, with the busy prefixes on its uWS instance and every known trap closed. */
import { STATUS_CODES } from "node:http";
import type { Timer } from "../base/clock.ts";
import { LiveList } from "../base/live-list.ts";
import { formatAddress, normalizeAddress } from "../base/net.ts";
import { createWriteTurn } from "../base/write-turn.ts";
import { type BindTarget, bindError, bindTargets, isFamilyMissing, probeBind } from "./bind.ts";
import { type ConnectionCounter, countConnections, createEstimatingCounter } from "./connections.ts";
import {
  type Engine,
  type EngineOptions,
  type ExchangeHandler,
  HEAD_SECONDS,
  type ListenAddress,
  type Listener,
} from "./engine.ts";
import type { Peer } from "./exchange.ts";
import { HeadLines } from "./head-lines.ts";
import { KnownRequests } from "./known-requests.ts";
import { NativeExchange, type NativeHost, WholeSender } from "./native-exchange.ts";
import { createPeers } from "./native-peers.ts";
import type {
  HyperExpressModule,
  HyperExpressServer,
  ListenSocket,
  UwsRequest,
  UwsResponse,
} from "./native-types.ts";
import { OpenExchanges } from "./open-exchanges.ts";
import { BAD_TARGET, renderRefusal, TOO_MANY_CONNECTIONS } from "./screen.ts";
import { TurnSpace } from "./turn-space.ts";

/** uWS counts its timeouts in steps of 4 s; bodies that arrive are looked at once per step. */
const TICK_MS = 4000;
/** The most uWS can count to. */
const MAX_TIMEOUT_SECONDS = 900;

/** uWS lets other bytes through, decoded as UTF-8 that they need not be. */
function isPrintable(target: string): boolean {
  for (let i = 0; i < target.length; i++) {
    const unit = target.charCodeAt(i);
    if (unit < 0x21 || unit > 0x7e) return false;
  }
  return true;
}

interface NativeListener {
  readonly server: HyperExpressServer;
  socket: ListenSocket | null;
  port: number;
}

/**
 * Makes the engine. `module` is hyper-express, loaded by `createEngine`: a machine without the addon has none.
 *
 * What uWebSockets.js 20.57 does not do, and `server.engine = "node"` does: HTTP/1.0, absolute-form, chunked trailers
 * (all 505), more than about a hundred headers (431), CONNECT with a 501 (it is a 505), TCP keep-alive, and a second request on a connection
 * whose first is still pending: both are closed. test/http/hostile.test.ts holds the whole table.
 */
export function createHyperExpressEngine(module: HyperExpressModule, options: EngineOptions): Engine {
  const uws = module.compressors;
  const { clock, timers } = options.time;
  let limits = options.limits;
  const listeners = new Set<NativeListener>();
  const arriving = new LiveList<NativeExchange>();
  const exchanges = new OpenExchanges();

  const counter: ConnectionCounter = createEstimatingCounter(
    () => limits,
    options.isExempt,
    clock,
    () => countConnections(new Set([...listeners].map((listener) => listener.port))),
  );

  const host: NativeHost & { draining: boolean; streamBufferBytes: number } = {
    streamBufferBytes: limits.streamBufferBytes,
    draining: false,
    turn: createWriteTurn(),
    space: new TurnSpace(),
    heads: new HeadLines(),
    sender: new WholeSender(),
    isAlone: () => exchanges.count === 1,
    now: () => clock.now(),
    exchangeEnded(exchange) {
      if (exchange.arriving !== null) arriving.remove(exchange.arriving);
      exchanges.end();
    },
    onError: options.onError,
  };

  const ticker: Timer = timers.start(TICK_MS, () => {
    const now = clock.now();
    for (const exchange of arriving.toArray()) {
      if (exchange.bodyDone && exchange.arriving !== null) arriving.remove(exchange.arriving);
      else if (isStalled(exchange, now)) exchange.cut();
      else exchange.rearm();
    }
    if (arriving.size > 0) ticker.restart(TICK_MS);
  });
  ticker.cancel();

  function isStalled(exchange: NativeExchange, now: number): boolean {
    return (
      limits.clientStallMs > 0 && !exchange.bodyPaused && now - exchange.lastReceived >= limits.clientStallMs
    );
  }

  const requests = new KnownRequests();
  const collect = (name: string, value: string) => requests.add(name, value);

  function openExchange(
    response: UwsResponse,
    request: UwsRequest,
    method: string,
    path: string,
    peerOf: (bytes: ArrayBuffer) => Peer,
    handler: ExchangeHandler,
  ): void {
    requests.begin();
    request.forEach(collect);
    const framing = requests.end();
    const query = request.getQuery() ?? "";
    // A path of the table is the table's own text.
    const isPath = options.hotPaths.includes(path) || isPrintable(path);
    const length = isPath && isPrintable(query) ? framing : BAD_TARGET;
    if (typeof length !== "number") {
      // In place of hyper-express's own reader, which would touch the response after its end.
      response.onData(ignore);
      response
        .writeStatus(`${length.status} ${STATUS_CODES[length.status]}`)
        .writeHeader("content-type", "application/json");
      response.end(renderRefusal(length), true);
      return;
    }
    const exchange = new NativeExchange(host, response, method, path, query, requests.head, peerOf, length);
    exchanges.begin();
    if (length !== 0) {
      exchange.arriving = arriving.add(exchange);
      if (!ticker.active) ticker.restart(TICK_MS);
    }
    exchange.inCallback = true;
    try {
      handler(exchange);
    } catch (error) {
      options.onError(error);
      exchange.destroy();
    } finally {
      exchange.inCallback = false;
    }
  }

  function createServer(target: BindTarget, handler: ExchangeHandler): HyperExpressServer {
    // Signals are the program's own; bodies are counted by whoever reads them.
    const server = new module.Server({ auto_close: false, max_body_length: Number.MAX_SAFE_INTEGER });
    const localAddress = isAny(target.host) ? "" : normalizeAddress(target.host);
    const app = server.uws_instance;
    app.setIdleTimeout(HEAD_SECONDS);
    app.setResponseTimeout(responseSeconds(limits.clientStallMs));
    const onConnection = (response: UwsResponse, change: number) => {
      if (change < 0) {
        counter.closed("");
        return;
      }
      const bytes = new Uint8Array(response.getRemoteAddress());
      const allowed = counter.opened(formatAddress(bytes));
      // uWS always clears IPV6_V6ONLY: IPv4 peers show as mapped addresses and are turned away here.
      if (target.ipv6Only && isMapped(bytes)) response.close();
      else if (!allowed) {
        response.writeStatus("503 Service Unavailable").writeHeader("content-type", "application/json");
        response.writeHeader("retry-after", "1").end(renderRefusal(TOO_MANY_CONNECTIONS), true);
      }
    };
    app.filter(onConnection);
    const peerOf = createPeers(localAddress);
    for (const path of options.hotPaths) {
      app.post(path, (response, request) => openExchange(response, request, "POST", path, peerOf, handler));
    }
    for (const prefix of options.hotPrefixes) {
      // A colon or a star would be a pattern to uWS: such a prefix is served like every other path.
      if (!/^(?:\/[\w.~-]+)+$/.test(prefix)) continue;
      app.any(`${prefix}/*`, (response, request) =>
        openExchange(response, request, request.getCaseSensitiveMethod(), request.getUrl(), peerOf, handler),
      );
    }
    server.any("/*", (request, response) =>
      openExchange(
        response._raw_response,
        request.raw,
        request.method,
        request.raw.getUrl(),
        peerOf,
        handler,
      ),
    );
    server._compile();
    return server;
  }

  function bind(target: BindTarget, port: number, handler: ExchangeHandler): NativeListener | null {
    const listener: NativeListener = { server: createServer(target, handler), socket: null, port: 0 };
    // Without the option a second process on the port would silently take half of the connections.
    listener.server.uws_instance.listen(target.host, port, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
      if (socket === false) return;
      listener.socket = socket;
      listener.port = uws.us_socket_local_port(socket);
    });
    if (listener.socket === null) return null;
    listeners.add(listener);
    return listener;
  }

  function stopAccepting(listener: NativeListener): void {
    if (listener.socket === null) return;
    uws.us_listen_socket_close(listener.socket);
    listener.socket = null;
  }

  function close(): void {
    ticker.cancel();
    for (const listener of listeners) {
      stopAccepting(listener);
      listener.server.uws_instance.close();
    }
    listeners.clear();
  }

  return {
    kind: "hyper-express",
    async listen(address: ListenAddress, handler: ExchangeHandler): Promise<Listener> {
      let failure: Error | null = null;
      for (const target of bindTargets(address)) {
        const listener = bind(target, address.port, handler);
        if (listener !== null) {
          return { host: target.host, port: listener.port, close: () => stopAccepting(listener) };
        }
        const code = (await probeBind(target, address.port)) || "UNKNOWN";
        failure = bindError(target, address.port, code);
        if (!isFamilyMissing(code)) break;
      }
      throw failure ?? new Error("nothing to listen on");
    },
    setLimits(next) {
      limits = next;
      host.streamBufferBytes = next.streamBufferBytes;
      for (const { server } of listeners)
        server.uws_instance.setResponseTimeout(responseSeconds(next.clientStallMs));
    },
    stats: () => ({ connections: counter.open, exchanges: exchanges.count }),
    async drain(deadlineMs) {
      host.draining = true;
      for (const listener of listeners) stopAccepting(listener);
      await exchanges.drain(timers, deadlineMs);
      // Not from inside a callback of uWS: its socket must outlive the callback.
      await new Promise((resolve) => setImmediate(resolve));
      close();
    },
    close,
  };
}

/** uWS cuts a reader that frees no room for so long; the same timer ends idle connections, so it is never off. */
function responseSeconds(clientStallMs: number): number {
  if (clientStallMs === 0) return MAX_TIMEOUT_SECONDS;
  return Math.min(MAX_TIMEOUT_SECONDS, Math.max(8, Math.ceil(clientStallMs / 1000)));
}

function ignore(): void {}

function isAny(host: string): boolean {
  return host === "::" || host === "0.0.0.0";
}

function isMapped(bytes: Uint8Array): boolean {
  return (
    bytes.length === 16 &&
    bytes[10] === 0xff &&
    bytes[11] === 0xff &&
    bytes.subarray(0, 10).every((byte) => byte === 0)
  );
}
