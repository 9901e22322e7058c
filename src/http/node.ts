/** The engine on node:http and node:https: for TLS, and wherever the native addon does not load. */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { Server as NetServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { normalizeAddress } from "../base/net.ts";
import { type BindTarget, bindError, bindTargets, isFamilyMissing } from "./bind.ts";
import { createConnectionCounter } from "./connections.ts";
import {
  type Engine,
  type EngineOptions,
  type ExchangeHandler,
  HEAD_SECONDS,
  KEEP_ALIVE_SECONDS,
  type ListenAddress,
  type Listener,
  MAX_HEAD_BYTES,
} from "./engine.ts";
import type { Peer } from "./exchange.ts";
import { NodeExchange, type NodeHost } from "./node-exchange.ts";
import { OpenExchanges } from "./open-exchanges.ts";
import {
  type Refusal,
  renderRawRefusal,
  renderRefusal,
  screenHead,
  TOO_MANY_CONNECTIONS,
  UPGRADE,
  WRONG_VERSION,
} from "./screen.ts";
import { readTlsFiles, watchTlsFiles } from "./tls-files.ts";

/** NAT boxes drop silent connections, and a reasoning model is silent for minutes. */
const TCP_KEEP_ALIVE_MS = 30_000;
const MALFORMED: Refusal = { status: 400, code: "bad_request", message: "this is no valid HTTP/1.1 request" };
const HEAD_TOO_LARGE: Refusal = {
  status: 431,
  code: "headers_too_large",
  message: `the request line and headers exceed ${MAX_HEAD_BYTES} bytes`,
};
const HEAD_TOO_SLOW: Refusal = {
  status: 408,
  code: "request_timeout",
  message: "the request head did not arrive in time",
};

export function createNodeEngine(options: EngineOptions): Engine {
  let limits = options.limits;
  const servers = new Set<Server>();
  const sockets = new Set<Socket>();
  const peers = new WeakMap<Socket, Peer>();
  const counter = createConnectionCounter(() => limits, options.isExempt);
  const exchanges = new OpenExchanges();
  const stopWatching: (() => void)[] = [];

  const host: NodeHost & { draining: boolean } = {
    get streamBufferBytes() {
      return limits.streamBufferBytes;
    },
    get clientStallMs() {
      return limits.clientStallMs;
    },
    draining: false,
    timers: options.time.timers,
    exchangeEnded() {
      exchanges.end();
    },
    onError: options.onError,
  };

  /** The same for all requests of a connection. */
  function peerOf(socket: Socket): Peer {
    const known = peers.get(socket);
    if (known !== undefined) return known;
    const peer = {
      address: normalizeAddress(socket.remoteAddress ?? ""),
      localAddress: normalizeAddress(socket.localAddress ?? ""),
    };
    peers.set(socket, peer);
    return peer;
  }

  function openExchange(request: IncomingMessage, response: ServerResponse, handler: ExchangeHandler): void {
    const headers = lowerNames(request.rawHeaders);
    const length = request.httpVersionMajor === 1 ? screenHead(headers) : WRONG_VERSION;
    if (typeof length !== "number") {
      refuse(response, length);
      return;
    }
    const peer = peerOf(request.socket);
    const exchange = new NodeExchange(
      host,
      request,
      response,
      splitTarget(request.url ?? ""),
      headers,
      peer,
      length,
    );
    exchanges.begin();
    try {
      handler(exchange);
    } catch (error) {
      options.onError(error);
      exchange.destroy();
    }
  }

  function onConnection(socket: Socket): void {
    const address = normalizeAddress(socket.remoteAddress ?? "");
    const allowed = counter.opened(address);
    sockets.add(socket);
    socket.setMaxListeners(0); // One listener per pipelined request; their number is bounded by what node:http reads ahead.
    socket.once("close", () => {
      sockets.delete(socket);
      counter.closed(address);
    });
    if (allowed) return;
    // Over TLS there is no session yet to say it in.
    if (options.tls === null) socket.end(renderRawRefusal(TOO_MANY_CONNECTIONS));
    socket.destroySoon();
  }

  function createServer(handler: ExchangeHandler): Server {
    const settings = {
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: HEAD_SECONDS * 1000,
      requestTimeout: 0, // `client_stall` says how long a body may be silent; how long it may last is nobody's business.
      keepAliveTimeout: KEEP_ALIVE_SECONDS * 1000,
      connectionsCheckingInterval: 4000,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
      insecureHTTPParser: false,
      requireHostHeader: true,
    };
    const listener = (request: IncomingMessage, response: ServerResponse) =>
      openExchange(request, response, handler);
    let server: Server;
    if (options.tls === null) server = createHttpServer(settings, listener);
    else {
      const secure = createHttpsServer(
        { ...settings, ...readTlsFiles(options.tls), minVersion: "TLSv1.2" },
        listener,
      );
      const { tls } = options;
      stopWatching.push(
        watchTlsFiles(tls, options.time.timers, options.onWarning, (pair) => secure.setSecureContext(pair)),
      );
      server = secure;
    }
    server.maxHeadersCount = 0; // The bytes are bounded; leaving out headers silently would be worse.
    // `connection` comes before the parser is attached for TCP; for TLS it is the raw socket.
    server.prependListener("connection", onConnection);
    server.on("connect", (_request, socket: Duplex) => socket.end(renderRawRefusal(UPGRADE)));
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) =>
      answerClientError(error, socket),
    );
    server.on("checkExpectation", (_request, response: ServerResponse) => {
      refuse(response, { status: 417, code: "bad_request", message: "only 100-continue can be expected" });
    });
    servers.add(server);
    return server;
  }

  function close(): void {
    for (const stop of stopWatching.splice(0)) stop();
    for (const server of servers) {
      server.close(() => servers.delete(server));
      server.closeAllConnections();
    }
    for (const socket of sockets) socket.destroy();
  }

  return {
    kind: "node",
    async listen(address: ListenAddress, handler: ExchangeHandler): Promise<Listener> {
      let failure: Error | null = null;
      for (const target of bindTargets(address)) {
        const server = createServer(handler);
        const code = await bind(server, target, address.port);
        if (code === "") {
          const bound = server.address();
          const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
          return { host: target.host, port, close: () => stopAccepting(server) };
        }
        servers.delete(server);
        failure = bindError(target, address.port, code);
        if (!isFamilyMissing(code)) break;
      }
      throw failure ?? new Error("nothing to listen on");
    },
    setLimits(next) {
      limits = next;
    },
    stats: () => ({ connections: counter.open, exchanges: exchanges.count }),
    async drain(deadlineMs) {
      host.draining = true;
      for (const server of servers) {
        stopAccepting(server);
        server.closeIdleConnections();
      }
      if (exchanges.count > 0) {
        await exchanges.drain(options.time.timers, deadlineMs);
        // What has just been ended still has to leave the process.
        await new Promise((resolve) => setImmediate(resolve));
      }
      close();
    },
    close,
  };
}

/** Not http's own `close`, which also closes idle connections and stops looking for slow ones. */
function stopAccepting(server: Server): void {
  if (server.listening) NetServer.prototype.close.call(server);
}

/** "" when it worked, else the system's error code. */
function bind(server: Server, target: BindTarget, port: number): Promise<string> {
  return new Promise((resolve) => {
    const onError = (error: NodeJS.ErrnoException) => resolve(error.code ?? "UNKNOWN");
    server.once("error", onError);
    server.listen({ host: target.host, port, ipv6Only: target.ipv6Only, exclusive: true }, () => {
      server.off("error", onError);
      resolve("");
    });
  });
}

function refuse(response: ServerResponse, refusal: Refusal): void {
  const body = renderRefusal(refusal);
  response.writeHead(refusal.status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    connection: "close",
  });
  response.end(body);
}

function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  // A reset, or an answer already under way on this connection: nothing can be said any more.
  if (error.code === "ECONNRESET" || !socket.writable || hasAnswerUnderWay(socket)) {
    socket.destroy();
    return;
  }
  let refusal = MALFORMED;
  if (error.code === "HPE_HEADER_OVERFLOW") refusal = HEAD_TOO_LARGE;
  else if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") refusal = HEAD_TOO_SLOW;
  socket.end(renderRawRefusal(refusal));
}

/** node:http keeps the response being written on its socket; bytes put in between would corrupt it. */
function hasAnswerUnderWay(socket: Duplex): boolean {
  const message = (socket as Duplex & { _httpMessage?: ServerResponse | null })._httpMessage;
  return message?.headersSent === true;
}

function lowerNames(raw: readonly string[]): string[] {
  const headers = raw.slice();
  for (let i = 0; i < headers.length; i += 2) headers[i] = (headers[i] ?? "").toLowerCase();
  return headers;
}

/** Origin-form as it is; absolute-form (RFC 9112 3.2.2) without scheme and authority. */
function splitTarget(url: string): { path: string; query: string } {
  let target = url;
  if (!target.startsWith("/")) {
    const authority = /^https?:\/\/[^/?#]*/i.exec(target);
    if (authority !== null) target = target.slice(authority[0].length);
    if (target === "" || target.startsWith("?")) target = `/${target}`;
  }
  const question = target.indexOf("?");
  if (question === -1) return { path: target, query: "" };
  return { path: target.slice(0, question), query: target.slice(question + 1) };
}
