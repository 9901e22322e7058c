/** A raw TCP/TLS server that plays a script per request, byte for byte, and writes down everything it received. */
import type { AddressInfo, Socket } from "node:net";
import net from "node:net";
import tls from "node:tls";
import { type HeaderList, headerValue } from "../../src/base/headers.ts";
import { RequestReader } from "./request-reader.ts";

/** One thing the server does. Steps run in order; after the last one the connection is kept for the next request. */
export type Step =
  | { readonly send: string | Uint8Array } // raw bytes, as they are
  | { readonly chunk: string | Uint8Array } // in a chunk frame
  | { readonly drip: string | Uint8Array; readonly bytes: number; readonly everyMs: number } // slowly
  | { readonly waitMs: number }
  | { readonly until: Promise<unknown> } // waits for the test
  | "last-chunk" // 0 CRLF CRLF
  | "fin" // half-close: nothing more is sent, but it goes on reading
  | "close" // orderly close
  | "rst" // reset
  | "stall"; // never goes on

export interface Play {
  /** When the play begins: as soon as there is a connection, after the request's head, or after its whole body (default). */
  readonly on?: "connect" | "head" | "request";
  readonly steps: readonly Step[];
}

/** What is played: the same for every request, or chosen by what was asked. `index` counts requests from 0. */
export type Script = Play | ((request: ReceivedRequest, index: number) => Play);

export interface ReceivedRequest {
  /** Counts connections from 0. */
  readonly connection: number;
  readonly method: string;
  /** Request target as received. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: HeaderList;
  /** The decoded body, as far as it has come. */
  readonly body: Buffer;
  /** True once the whole body is there. */
  complete: boolean;
  /** Milliseconds of `performance.now()`; -1 = not yet. */
  readonly headAt: number;
  completeAt: number;
  /** Milliseconds at which the play was over; -1 = not yet. */
  playedAt: number;
  /** Milliseconds at which the connection was closed or reset by either side; -1 = still open. */
  closedAt: number;
  /** True when the client closed the connection before the play was over. */
  aborted: boolean;
  header(name: string): string;
  json(): unknown;
}

export interface ScriptedUpstream {
  readonly port: number;
  /** `http://127.0.0.1:port`, or https when it speaks TLS. */
  readonly url: string;
  readonly requests: readonly ReceivedRequest[];
  /** Connections accepted so far, and those open now. */
  readonly connections: number;
  readonly open: number;
  /** TLS only: connections that resumed an earlier session. */
  readonly resumed: number;
  /** Replaces the script for requests to come. */
  play(script: Script): void;
  /** Resolves once `count` whole requests have come; rejects after 5 s. */
  received(count: number): Promise<ReceivedRequest>;
  /** Resolves once no connection is open; rejects after 5 s. */
  drained(): Promise<void>;
  /** Lets go of the requests written down so far, for tests that count bytes of memory. */
  forget(): void;
  /** Closes every connection that is open now. */
  cut(): void;
  close(): Promise<void>;
}

export interface UpstreamOptions {
  readonly tls?: { readonly cert: string; readonly key: string; readonly minVersion?: tls.SecureVersion };
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Ask a script that is a function as soon as the head is there, before the body. */
  readonly early?: boolean;
  /** The gateway's own question what Claude models take is played too; default: answered 404 and not written down. */
  readonly listsModels?: boolean;
}

/** Starts the server. Give it a script, or a list of plays: one a request, the last one for all that follow. */
export async function startUpstream(
  script: Script | readonly Script[],
  options: UpstreamOptions = {},
): Promise<ScriptedUpstream> {
  const host = options.host ?? "127.0.0.1";
  let current: Script = asScript(script);
  const requests: ReceivedRequest[] = [];
  const sockets = new Set<Socket>();
  const waiting = new Set<() => void>();
  let accepted = 0;
  let resumed = 0;
  const changed = () => {
    for (const check of waiting) check();
  };

  const accept = (socket: Socket) => {
    const number = accepted++;
    if (socket instanceof tls.TLSSocket && socket.isSessionReused()) resumed += 1;
    sockets.add(socket);
    socket.setNoDelay(true);
    const connection = new PlayedConnection(
      socket,
      number,
      () => current,
      requests,
      changed,
      options.early === true,
      options.listsModels === true,
    );
    socket.on("close", () => {
      sockets.delete(socket);
      connection.closed();
      changed();
    });
    connection.begin();
  };
  const server =
    options.tls === undefined
      ? net.createServer({ allowHalfOpen: true }, accept)
      : tls.createServer({ allowHalfOpen: true, ALPNProtocols: ["http/1.1"], ...options.tls }, accept);
  const transports = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    transports.add(socket);
    socket.on("close", () => transports.delete(socket));
  });
  server.on("tlsClientError", () => {}); // the client's side of a failed handshake is what tests look at
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const port = (server.address() as AddressInfo).port;

  function until<T>(what: string, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.delete(check);
        reject(new Error(`scripted upstream: waited 5 s for ${what}`));
      }, 5000);
      function check(): void {
        const found = look();
        if (found === undefined) return;
        clearTimeout(timer);
        waiting.delete(check);
        resolve(found);
      }
      waiting.add(check);
      check();
    });
  }

  return {
    port,
    url: `${options.tls === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    requests,
    get connections() {
      return accepted;
    },
    get open() {
      return sockets.size;
    },
    get resumed() {
      return resumed;
    },
    play(next) {
      current = next;
    },
    received: (count) =>
      until(`${count} requests, have ${requests.length}`, () => {
        const last = requests[count - 1];
        return last?.complete === true ? last : undefined;
      }),
    drained: () =>
      until("all connections to close", () => (sockets.size === 0 ? true : undefined)).then(() => {}),
    forget() {
      requests.length = 0;
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of [...sockets, ...transports]) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function asScript(script: Script | readonly Script[]): Script {
  if (!Array.isArray(script)) return script as Script;
  const list = script as readonly Script[];
  return (request, index) => {
    const chosen = list[Math.min(index, list.length - 1)];
    if (chosen === undefined) throw new Error("scripted upstream: an empty list of plays");
    return typeof chosen === "function" ? chosen(request, index) : chosen;
  };
}

const MODELS = "/v1/models?limit=1000";
const NO_MODELS: Play = { steps: [{ send: "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n" }] };

class PlayedConnection {
  readonly #socket: Socket;
  readonly #number: number;
  readonly #script: () => Script;
  readonly #requests: ReceivedRequest[];
  readonly #changed: () => void;
  readonly #early: boolean;
  readonly #listsModels: boolean;
  readonly #mine: ReceivedRequest[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Plays of one connection run one after another. */
  #last: Promise<void> = Promise.resolve();
  #current: ReceivedRequest | null = null;
  /** Of the body of the current request. */
  #pieces: Buffer[] = [];
  #gone = false;

  constructor(
    socket: Socket,
    number: number,
    script: () => Script,
    requests: ReceivedRequest[],
    changed: () => void,
    early: boolean,
    listsModels: boolean,
  ) {
    this.#socket = socket;
    this.#number = number;
    this.#script = script;
    this.#requests = requests;
    this.#changed = changed;
    this.#early = early;
    this.#listsModels = listsModels;
  }

  begin(): void {
    const script = this.#script();
    if (typeof script !== "function" && script.on === "connect") void this.#run(script, null);
    const reader = new RequestReader(
      (method, path, headers) => this.#head(method, path, headers),
      (piece) => {
        this.#pieces.push(piece);
      },
      () => this.#complete(),
    );
    this.#socket.on("data", (piece: Buffer) => reader.read(piece));
    this.#socket.on("end", () => {
      this.#note();
      this.#socket.end();
    });
    this.#socket.on("error", () => this.closed()); // a reset is something tests ask for
  }

  closed(): void {
    this.#gone = true;
    this.#note();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#changed();
  }

  #note(): void {
    for (const request of this.#mine) {
      if (request.closedAt >= 0) continue;
      request.closedAt = performance.now();
      request.aborted = request.playedAt < 0;
    }
    this.#changed();
  }

  #head(method: string, path: string, headers: HeaderList): void {
    const pieces: Buffer[] = [];
    this.#pieces = pieces;
    if (path === MODELS && method === "GET" && !this.#listsModels) {
      this.#current = null;
      this.#last = this.#last.then(() => this.#run(NO_MODELS, null));
      return;
    }
    const request: ReceivedRequest = {
      connection: this.#number,
      method,
      path,
      headers,
      get body() {
        if (pieces.length > 1) pieces.splice(0, pieces.length, Buffer.concat(pieces));
        return pieces[0] ?? Buffer.alloc(0);
      },
      complete: false,
      headAt: performance.now(),
      completeAt: -1,
      playedAt: -1,
      closedAt: -1,
      aborted: false,
      header: (name) => headerValue(headers, name),
      json() {
        return JSON.parse(this.body.toString());
      },
    };
    this.#current = request;
    this.#mine.push(request);
    this.#requests.push(request);
    const script = this.#script();
    if (typeof script === "function" ? this.#early : script.on === "head") this.#choose(script, request);
  }

  #complete(): void {
    const request = this.#current;
    if (request === null) return;
    request.complete = true;
    request.completeAt = performance.now();
    const script = this.#script();
    const whole = typeof script !== "function" && (script.on === undefined || script.on === "request");
    if (whole || (typeof script === "function" && !this.#early)) this.#choose(script, request);
    this.#changed();
  }

  #choose(script: Script, request: ReceivedRequest): void {
    const play = typeof script === "function" ? script(request, this.#requests.indexOf(request)) : script;
    this.#last = this.#last.then(() => this.#run(play, request));
  }

  async #run(play: Play, request: ReceivedRequest | null): Promise<void> {
    for (const step of play.steps) {
      if (this.#gone) return;
      await this.#do(step);
    }
    if (request !== null && !this.#gone) request.playedAt = performance.now();
    this.#changed();
  }

  #do(step: Step): Promise<unknown> | undefined {
    const socket = this.#socket;
    if (step === "last-chunk") socket.write("0\r\n\r\n");
    else if (step === "fin" || step === "close")
      socket.end(step === "close" ? () => socket.destroy() : undefined);
    else if (step === "rst") socket.resetAndDestroy();
    else if (step === "stall") return new Promise(() => {});
    else if ("send" in step) socket.write(step.send);
    else if ("chunk" in step) socket.write(chunkFrame(step.chunk));
    else if ("waitMs" in step) return this.#wait(step.waitMs);
    else if ("until" in step) return step.until;
    else return this.#drip(Buffer.from(step.drip), step.bytes, step.everyMs);
    return undefined;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, ms);
      this.#timers.add(timer);
    });
  }

  async #drip(bytes: Buffer, size: number, everyMs: number): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#gone; at += size) {
      this.#socket.write(bytes.subarray(at, at + size));
      await this.#wait(everyMs);
    }
  }
}

/** One chunk frame around `data`. */
export function chunkFrame(data: string | Uint8Array): Buffer {
  const bytes = Buffer.from(data);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}
