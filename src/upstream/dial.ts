/** Opens one connection to an origin: name, TCP race, proxy tunnel and TLS, one step after the other, cancellable at any. */
import net, { isIP, type Socket } from "node:net";
import tls, { type ConnectionOptions, type TLSSocket } from "node:tls";
import type { Time } from "../base/clock.ts";
import type { WriteTurn } from "../base/write-turn.ts";
import type { Origin, UpstreamFailure } from "./client.ts";
import { connectFailure, dnsFailure } from "./connect-failure.ts";
import type { Names } from "./dns.ts";
import { orderAddresses, raceConnects } from "./happy-eyeballs.ts";
import { authority } from "./origin.ts";
import type { WriteBuffer } from "./request-body.ts";
import { type readInto, receivePiece } from "./socket-reader.ts";
import { type TlsContexts, tlsFailure } from "./tls.ts";
import { openTunnel } from "./tunnel.ts";

const KEEP_ALIVE_MS = 30_000;
const MAX_ADDRESSES_TRIED = 8;

/** What dialling needs of its surroundings; one for the whole client. */
export interface Network {
  readonly time: Time;
  readonly names: Names;
  readonly contexts: TlsContexts;
  /** All sockets read into one buffer: whatever must outlive a read is copied by its reader. */
  readonly onread: ReturnType<typeof readInto>;
  readonly writeBuffer: WriteBuffer;
  readonly turn: WriteTurn;
}

export interface DialTarget {
  readonly origin: Origin;
  /** The address that worked last; "" = none. */
  readonly lastGood: string;
  /** TLS session to resume. */
  readonly session: Buffer | undefined;
  /** Stop once the way there stands, without TLS to the origin: enough to learn whether it can be reached. */
  readonly probe: boolean;
}

export interface DialResult {
  /** `address` is the origin's, or the proxy's. */
  ready(socket: Socket, address: string): void;
  failed(failure: UpstreamFailure): void;
  /** A session that the next connection may resume. */
  session?(session: Buffer): void;
}

export type DialPhase = "name" | "connect" | "proxy" | "tls";

export class Dial {
  /** What it is waiting for: says what a timeout means. */
  phase: DialPhase = "name";
  readonly #network: Network;
  readonly #target: DialTarget;
  readonly #result: DialResult;
  #over = false;
  #cancelStep: () => void = ignore;

  constructor(network: Network, target: DialTarget, result: DialResult) {
    this.#network = network;
    this.#target = target;
    this.#result = result;
  }

  start(): void {
    const { origin } = this.#target;
    const problem = this.#caProblem();
    if (problem !== "") {
      // never inside `send`
      setImmediate(() => this.#over || this.#fail({ cause: "tls", tlsReason: "other", message: problem }));
      return;
    }
    if (origin.proxy === null && origin.addresses !== undefined) {
      this.#connect(origin.addresses);
      return;
    }
    this.#network.names.resolve(origin.proxy?.host ?? origin.host, (error, addresses) => {
      if (this.#over) return;
      if (error === "") this.#connect(addresses);
      else this.#fail(dnsFailure(origin, error));
    });
  }

  /** An unreadable CA shows here; afterwards the context is known. */
  #caProblem(): string {
    const { origin } = this.#target;
    if (!origin.tls && origin.proxy?.tls !== true) return "";
    try {
      this.#network.contexts.contextFor(origin.ca);
      return "";
    } catch (error) {
      return `the extra CA for ${origin.host} cannot be read: ${error instanceof Error ? error.message : error}`;
    }
  }

  cancel(): void {
    this.#over = true;
    this.#cancelStep();
  }

  #connect(addresses: readonly string[]): void {
    this.phase = "connect";
    const { origin, lastGood, probe } = this.#target;
    const ordered = orderAddresses(addresses, lastGood).slice(0, MAX_ADDRESSES_TRIED);
    const tunnelled = origin.proxy !== null && (origin.tls || probe);
    const open = (address: string) => this.#open(address, tunnelled);
    this.#cancelStep = raceConnects(ordered, this.#network.time.timers, open, {
      won: (socket, address) => this.#connected(socket, address, tunnelled),
      lost: (errors) => this.#fail(connectFailure(origin, errors)),
    });
  }

  /** The TLS socket of a direct origin does its own TCP connect: only so it can read into the shared buffer (`onread`). */
  #open(address: string, tunnelled: boolean): Socket {
    const { origin, probe } = this.#target;
    const next = origin.proxy ?? origin;
    const secure = origin.proxy === null ? origin.tls && !probe : origin.proxy.tls;
    const where = { host: address, port: next.port };
    const onread = tunnelled ? {} : { onread: this.#network.onread };
    if (!secure) return net.connect({ ...where, ...onread });
    return tls.connect({ ...where, ...onread, ...this.#tlsOptions(next.host, origin.proxy === null) });
  }

  #tlsOptions(host: string, toOrigin: boolean): ConnectionOptions {
    const { origin, session } = this.#target;
    return {
      secureContext: this.#network.contexts.contextFor(origin.ca),
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
      ALPNProtocols: ["http/1.1"],
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(toOrigin && session !== undefined ? { session } : {}),
    };
  }

  #connected(socket: Socket, address: string, tunnelled: boolean): void {
    const { origin, probe } = this.#target;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const proceed = () => (tunnelled ? this.#tunnel(socket, address) : this.#ready(socket, address));
    const secure = origin.proxy === null ? origin.tls && !probe : origin.proxy.tls;
    if (secure) this.#handshake(socket as TLSSocket, origin.proxy ?? origin, proceed);
    else proceed();
  }

  #handshake(
    socket: TLSSocket,
    peer: { readonly host: string; readonly port: number },
    proceed: () => void,
  ): void {
    this.phase = "tls";
    this.#cancelStep = () => socket.destroy();
    const onError = (error: NodeJS.ErrnoException) => {
      if (this.#over) return;
      const failure = tlsFailure(error, authority(peer.host, peer.port), this.#network.time.clock.wall());
      this.#fail(peer === this.#target.origin ? failure : { ...failure, cause: "proxy" });
    };
    socket.on("error", onError);
    if (peer === this.#target.origin) socket.on("session", (session) => this.#result.session?.(session));
    socket.once("secureConnect", () => {
      if (this.#over) return;
      proceed();
      socket.removeListener("error", onError);
    });
  }

  #tunnel(socket: Socket, address: string): void {
    this.phase = "proxy";
    const { origin, probe } = this.#target;
    socket.on("error", ignore); // the tunnel and the TLS above report it
    this.#cancelStep = openTunnel(socket, origin, probe, (failure) => {
      if (this.#over) return;
      if (failure !== null) this.#fail(failure);
      else if (probe) this.#ready(socket, address);
      else this.#secureTunnel(socket, address);
    });
  }

  /** TLS over another socket cannot read into the shared buffer (Node ignores `onread` there). */
  #secureTunnel(socket: Socket, address: string): void {
    const { origin } = this.#target;
    const secured = tls.connect({ socket, host: origin.host, ...this.#tlsOptions(origin.host, true) });
    this.#handshake(secured, origin, () => {
      secured.on("data", receivePiece);
      this.#ready(secured, address);
    });
  }

  #ready(socket: Socket, address: string): void {
    this.#over = true;
    this.#result.ready(socket, address);
  }

  #fail(failure: UpstreamFailure): void {
    this.#over = true;
    this.#cancelStep();
    this.#result.failed(failure);
  }
}

function ignore(): void {}
