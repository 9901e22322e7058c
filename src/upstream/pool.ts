/** Connections of one origin: last in, first out; bounded; with a line of calls that wait, each inside its own deadline. */
import type { Socket } from "node:net";
import type { Timer } from "../base/clock.ts";
import { Ring } from "../base/ring.ts";
import type { Call, CallOwner } from "./call.ts";
import type { Origin, UpstreamDeadlines, UpstreamFailure, UpstreamRequest } from "./client.ts";
import { connectTimeout, poolFull } from "./connect-failure.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import { Dial, type DialResult, type Network } from "./dial.ts";
import { IdleLimit } from "./idle-limit.ts";
import { type OriginHead, originHead } from "./request-head.ts";
import { HeadScanners } from "./response-parser.ts";

/** What all pools share: the overall bounds, and the one timer for idle connections. */
export interface PoolShare {
  readonly network: Network;
  /** Takes a place for one more connection, closing the longest idle one of any origin if need be; false = none. */
  takePlace(): boolean;
  /** Gives a place back; calls that wait anywhere may now connect. */
  givePlace(): void;
  /** False: the waiting line is full. */
  enterLine(): boolean;
  leaveLine(): void;
  /** An idle connection wants to be closed at that moment. */
  watchIdle(until: number): void;
}

const ORPHAN_MS = 10_000;
const MAX_SPENT = 8;

export class OriginPool implements CallOwner, ConnectionOwner {
  readonly origin: Origin;
  readonly head: OriginHead;
  readonly scanners = new HeadScanners();
  /** Last in, first out: the ones at the front may grow old and close. */
  readonly idle: Connection[] = [];
  readonly open = new Set<Connection>();
  readonly #share: PoolShare;
  /** First come, first served. */
  readonly #line: Call[] = [];
  /** With the timer of a connect whose call found another connection: nobody else watches it. */
  readonly #dials = new Map<Dial, Timer | null>();
  readonly #idleLimit: IdleLimit;
  #lastGood = "";
  #session: Buffer | undefined;
  /** One for each of the few targets that are asked at one origin. */
  readonly #spent = new Ring<UpstreamRequest>(MAX_SPENT);

  constructor(origin: Origin, share: PoolShare) {
    this.origin = origin;
    this.head = originHead(origin);
    this.#share = share;
    this.#idleLimit = new IdleLimit(share.network.time.clock);
  }

  /** Open connections and those on their way. */
  get size(): number {
    return this.open.size + this.#dials.size;
  }

  get waiting(): number {
    return this.#line.length;
  }

  /** Sends on an idle connection, or puts the call in the line. `again`: on a new connection only, ahead of the others. */
  place(call: Call, again = false): void {
    if (!again) {
      for (let kept = this.idle.pop(); kept !== undefined; kept = this.idle.pop()) {
        if (kept.usable) {
          kept.send(call);
          return;
        }
      }
    }
    if (!this.#share.enterLine()) {
      // never inside `send`: the caller has no call to name yet
      setImmediate(() => call.fail(poolFull(this.origin, "too many requests are waiting")));
      return;
    }
    if (again) this.#line.unshift(call);
    else this.#line.push(call);
    this.#watch(call);
    this.connectWaiting();
  }

  /** Starts connects for calls in the line, as far as the bounds allow. */
  connectWaiting(): void {
    for (const call of this.#line) {
      if (call.dial !== null) continue;
      if (this.size >= this.origin.maxConnections || !this.#share.takePlace()) return;
      this.#dial(call);
    }
  }

  withdraw(call: Call): void {
    const dial = call.dial;
    this.#leaveLine(call);
    if (dial !== null) this.#abandon(dial);
  }

  spent(deadlines: UpstreamDeadlines): UpstreamRequest {
    const { all } = this.#spent;
    for (let i = 0; i < all.length; i++) {
      const known = all[i];
      if (known?.deadlines === deadlines) return known;
    }
    const { origin } = this;
    const spent = { origin, method: "", path: "", constantHeaders: "", headers: "", body: null, deadlines };
    this.#spent.add(spent);
    return spent;
  }

  released(connection: Connection): void {
    const next = this.#line.length === 0 ? undefined : this.#line.find((call) => !call.resent);
    if (next !== undefined) {
      const { dial } = next;
      this.#leaveLine(next);
      if (dial !== null) this.#leave(dial);
      connection.send(next);
      return;
    }
    const now = this.#share.network.time.clock.now();
    connection.idleSince = now;
    connection.idleUntil = now + this.#idleLimit.allowed(connection.parser.keepAliveTimeout, now);
    if (connection.idleUntil <= now) {
      connection.drop();
      return;
    }
    this.idle.push(connection);
    this.#share.watchIdle(connection.idleUntil);
  }

  gone(connection: Connection, byServer: boolean): void {
    this.open.delete(connection);
    const at = this.idle.indexOf(connection);
    if (at >= 0) {
      this.idle.splice(at, 1);
      if (byServer) this.#idleLimit.closedAfter(this.#share.network.time.clock.now() - connection.idleSince);
    }
    this.#share.givePlace();
  }

  resend(call: Call): void {
    call.resent = true;
    call.connected = false;
    this.place(call, true);
  }

  /** Closes idle connections whose time has come; returns when the next one is due. */
  closeExpired(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const connection of [...this.idle]) {
      if (connection.idleUntil <= now) connection.drop();
      else next = Math.min(next, connection.idleUntil);
    }
    return next;
  }

  /** Ends everything; calls under way hear of it. */
  close(failure: UpstreamFailure): void {
    for (const call of [...this.#line]) {
      this.withdraw(call);
      call.fail(failure);
    }
    for (const dial of [...this.#dials.keys()]) this.#abandon(dial);
    for (const connection of [...this.open]) connection.failWith(failure);
  }

  #dial(call: Call): void {
    const target = { origin: this.origin, lastGood: this.#lastGood, session: this.#session, probe: false };
    const result: DialResult = {
      ready: (socket, address) => this.#ready(dial, socket, address),
      failed: (failure) => this.#failed(dial, failure),
      session: (session) => {
        this.#session = session;
      },
    };
    const dial = new Dial(this.#share.network, target, result);
    call.dial = dial;
    this.#dials.set(dial, null);
    this.#watch(call);
    dial.start();
  }

  #ready(dial: Dial, socket: Socket, address: string): void {
    this.#forget(dial);
    this.#lastGood = address;
    const connection = new Connection(socket, this, this.#share.network);
    this.open.add(connection);
    const call = this.#line.find((each) => each.dial === dial) ?? this.#line[0];
    if (call === undefined) {
      this.released(connection);
      return;
    }
    const spare = call.dial === dial ? null : call.dial;
    this.#leaveLine(call);
    if (spare !== null) this.#leave(spare);
    connection.send(call);
  }

  #failed(dial: Dial, failure: UpstreamFailure): void {
    this.#forget(dial);
    if (failure.cause === "tls") this.#session = undefined;
    const call = this.#line.find((each) => each.dial === dial);
    if (call !== undefined) this.#leaveLine(call);
    this.#share.givePlace();
    call?.fail(failure);
  }

  /** A connect whose call is gone serves another one that has none, or nobody. */
  #abandon(dial: Dial): void {
    if (this.#handOn(dial)) return;
    this.#forget(dial);
    dial.cancel();
    this.#share.givePlace();
  }

  /** A connect whose call found another connection goes on: the next burst has use for it. */
  #leave(dial: Dial): void {
    if (this.#handOn(dial)) return;
    const { timers } = this.#share.network.time;
    this.#dials.set(
      dial,
      timers.start(ORPHAN_MS, () => this.#abandon(dial)),
    );
  }

  #forget(dial: Dial): void {
    this.#dials.get(dial)?.cancel();
    this.#dials.delete(dial);
  }

  #handOn(dial: Dial): boolean {
    const heir = this.#line.find((each) => each.dial === null);
    if (heir === undefined) return false;
    heir.dial = dial;
    this.#dials.get(dial)?.cancel();
    this.#dials.set(dial, null);
    return true;
  }

  #leaveLine(call: Call): void {
    const at = this.#line.indexOf(call);
    if (at < 0) return;
    this.#line.splice(at, 1);
    call.waitTimer?.cancel();
    call.waitTimer = null;
    call.dial = null;
    this.#share.leaveLine();
  }

  /** `connect` counts for the wait in the line, and afresh for the connect itself; `total` for both together. */
  #watch(call: Call): void {
    const { clock, timers } = this.#share.network.time;
    const { connect } = call.request.deadlines;
    const left = call.totalAt - clock.now();
    const delay = connect === 0 ? left : Math.min(connect, left);
    if (delay === Number.POSITIVE_INFINITY) return;
    if (call.waitTimer === null) call.waitTimer = timers.start(delay, () => this.#waitedLong(call));
    else call.waitTimer.restart(delay);
  }

  #waitedLong(call: Call): void {
    const { connect, total } = call.request.deadlines;
    const { dial } = call;
    const tooLong = this.#share.network.time.clock.now() >= call.totalAt;
    this.withdraw(call);
    if (tooLong) call.fail({ cause: "total_timeout", message: `${this.origin.host} took over ${total} ms` });
    else if (dial === null)
      call.fail(poolFull(this.origin, `waited ${connect} ms for one of ${this.origin.maxConnections}`));
    else call.fail(connectTimeout(this.origin, dial.phase, connect));
  }
}
