/** The upstream client: pools per origin under one roof, with the bounds and the timer they share. */
import type { Time, Timer } from "../base/clock.ts";
import { createWriteTurn } from "../base/write-turn.ts";
import { Call } from "./call.ts";
import type { Origin, UpstreamClient, UpstreamFailure } from "./client.ts";
import { Dial, type Network } from "./dial.ts";
import { createNameServer, createNames, type NameServer } from "./dns.ts";
import { createHostsFile } from "./hosts-file.ts";
import { OriginPool, type PoolShare } from "./pool.ts";
import { WriteBuffer } from "./request-body.ts";
import { readInto } from "./socket-reader.ts";
import { createTlsContexts } from "./tls.ts";

export interface UpstreamClientOptions {
  readonly time: Time;
  /** Connections of all origins together. Default 1,024. */
  readonly maxConnections?: number;
  /** Calls that wait for a connection, all origins together. Default 1,024. */
  readonly maxWaiting?: number;
  /** Default: c-ares with the system's servers. */
  readonly nameServer?: NameServer;
  /** Default /etc/hosts. */
  readonly hostsFile?: string;
}

/** Origins without connections beyond this many are forgotten, with their TLS session and what was learned of them. */
const MAX_IDLE_ORIGINS = 256;
const READ_BUFFER_BYTES = 64 * 1024;
const CLOSED: UpstreamFailure = { cause: "reset", message: "the gateway is closing its connections" };

export function createUpstreamClient(options: UpstreamClientOptions): UpstreamClient {
  const { time } = options;
  const maxConnections = options.maxConnections ?? 1024;
  const maxWaiting = options.maxWaiting ?? 1024;
  const network: Network = {
    time,
    names: createNames(
      time,
      createHostsFile(time.clock, options.hostsFile),
      options.nameServer ?? createNameServer(),
    ),
    contexts: createTlsContexts(),
    onread: readInto(Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)),
    writeBuffer: new WriteBuffer(),
    turn: createWriteTurn(),
  };
  const pools = new Map<string, OriginPool>();
  let taken = 0;
  let inLine = 0;
  let closed = false;
  /** The place that is being freed has a taker. */
  let evicting = false;
  let idleDue = Number.POSITIVE_INFINITY;
  const idleTimer: Timer = time.timers.start(0, closeExpired);
  idleTimer.cancel();

  function closeExpired(): void {
    idleDue = Number.POSITIVE_INFINITY;
    const now = time.clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const pool of pools.values()) next = Math.min(next, pool.closeExpired(now));
    share.watchIdle(next);
  }

  function closeLongestIdle(): boolean {
    let longest: OriginPool["idle"][number] | undefined;
    for (const pool of pools.values()) {
      const first = pool.idle[0];
      if (first !== undefined && first.idleSince < (longest?.idleSince ?? Number.POSITIVE_INFINITY))
        longest = first;
    }
    evicting = true;
    longest?.drop();
    evicting = false;
    return longest !== undefined;
  }

  const share: PoolShare = {
    network,
    takePlace() {
      if (taken >= maxConnections && !closeLongestIdle()) return false;
      taken += 1;
      return true;
    },
    givePlace() {
      taken -= 1;
      if (inLine === 0 || closed || evicting) return;
      for (const pool of pools.values()) {
        if (pool.waiting > 0) pool.connectWaiting();
      }
    },
    enterLine() {
      if (inLine >= maxWaiting) return false;
      inLine += 1;
      return true;
    },
    leaveLine() {
      inLine -= 1;
    },
    watchIdle(until) {
      if (until >= idleDue || closed) return;
      idleDue = until;
      idleTimer.restart(until - time.clock.now());
    },
  };

  function poolFor(origin: Origin): OriginPool {
    const known = pools.get(origin.key);
    if (known !== undefined) return known;
    if (pools.size >= MAX_IDLE_ORIGINS) {
      for (const [key, pool] of pools) {
        if (pool.size === 0 && pool.waiting === 0) pools.delete(key);
      }
    }
    const pool = new OriginPool(origin, share);
    pools.set(origin.key, pool);
    return pool;
  }

  return {
    send(request, handler) {
      const { total } = request.deadlines;
      const totalAt = total > 0 ? time.clock.now() + total : Number.POSITIVE_INFINITY;
      const pool = poolFor(request.origin);
      const call = new Call(request, handler, totalAt, pool);
      if (closed) setImmediate(() => call.fail(CLOSED));
      else pool.place(call);
      return call;
    },
    probe(origin, timeoutMs, done) {
      return probe(network, origin, timeoutMs, done);
    },
    stats() {
      let idle = 0;
      for (const pool of pools.values()) idle += pool.idle.length;
      return { open: taken, idle, waiting: inLine };
    },
    close() {
      closed = true;
      idleTimer.cancel();
      for (const pool of pools.values()) pool.close(CLOSED);
      network.names.close();
    },
  };
}

function probe(
  network: Network,
  origin: Origin,
  timeoutMs: number,
  done: (reachable: boolean) => void,
): () => void {
  const finish = (reachable: boolean) => {
    timer.cancel();
    done(reachable);
  };
  const target = { origin, lastGood: "", session: undefined, probe: true };
  const dial = new Dial(network, target, {
    ready(socket) {
      socket.on("error", () => {}); // it has served its purpose
      socket.destroy();
      finish(true);
    },
    failed: (failure) => finish(failure.cause === "refused"),
  });
  const timer = network.time.timers.start(timeoutMs, () => {
    dial.cancel();
    done(false);
  });
  dial.start();
  return () => {
    timer.cancel();
    dial.cancel();
  };
}
