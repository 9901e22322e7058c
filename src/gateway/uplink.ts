/** Finds out whether the internet is there at all, by connects to providers of the configuration and to nobody else. */
import type { Time, Timer } from "../base/clock.ts";
import type { Attempt as Ticket } from "../health/attempt.ts";
import { WAN_CONNECT_TIMEOUT, Wan } from "../health/wan.ts";
import type { Verdict } from "../upstream/classify.ts";
import type { Origin, UpstreamClient } from "../upstream/client.ts";

export interface Uplink {
  readonly wan: Wan;
  /** The public origins of the configuration in force. */
  configure(origins: readonly Origin[]): void;
  /** A public target has answered, whatever it said: the way is there. */
  answered(): void;
  /** Once no check runs any more. */
  whenKnown(done: () => void): void;
  /** A failure that may be the uplink's: its verdict waits until that is known. */
  settleFailure(origin: Origin, ticket: Ticket, verdict: Verdict): void;
  /** While down: one connect, shared by all that wait. */
  await(done: (reachable: boolean) => void): void;
  close(): void;
}

/** Callers that may wait for one shared connect. */
const MAX_WAITERS = 1024;

export function createUplink(
  time: Time,
  upstream: UpstreamClient,
  onChange: (down: boolean) => void,
): Uplink {
  const wan = new Wan();
  const now = () => time.clock.now();
  let origins = new Map<string, Origin>();
  let held: { readonly ticket: Ticket; readonly verdict: Verdict }[] = [];
  let waiters: ((reachable: boolean) => void)[] = [];
  let curious: (() => void)[] = [];
  let background: Timer | null = null;
  const probes = new Set<() => void>();

  const probe = (key: string, done: (reachable: boolean) => void): void => {
    const origin = origins.get(key);
    if (origin === undefined) {
      done(false);
      return;
    }
    const cancel = upstream.probe(origin, WAN_CONNECT_TIMEOUT, (reachable) => {
      probes.delete(cancel);
      done(reachable);
    });
    probes.add(cancel);
  };

  const settleHeld = (down: boolean): void => {
    const settled = held;
    held = [];
    for (const { ticket, verdict } of settled) ticket.settle(now(), down ? "cancelled" : verdict);
    const asked = curious;
    curious = [];
    for (const done of asked) done();
  };

  const connect = (key: string): void => {
    probe(key, (reachable) => {
      const state = wan.connected(now(), reachable);
      const waiting = waiters;
      waiters = [];
      if (state === "up") onChange(false);
      for (const waiter of waiting) waiter(reachable);
      if (state === "down") watch();
    });
  };

  /** While down, one background connect per period ends the state. */
  function watch(): void {
    const wait = Math.max(1, wan.connectDueAt - now());
    background ??= time.timers.start(wait, onDue);
    background.restart(wait);
  }

  function onDue(): void {
    if (!wan.isDown) return;
    const key = wan.dueConnect(now());
    if (key === null) watch();
    else connect(key);
  }

  return {
    wan,
    configure(next) {
      origins = new Map(next.map((origin) => [origin.key, origin]));
      wan.configure(now(), [...origins.keys()]);
    },
    answered() {
      const was = wan.state;
      if (was === "up") return;
      wan.answered(now());
      background?.cancel();
      if (was === "down") onChange(false);
      settleHeld(false);
    },
    whenKnown(done) {
      if (wan.state !== "checking" || curious.length >= MAX_WAITERS) done();
      else curious.push(done);
    },
    settleFailure(origin, ticket, verdict) {
      const decision = wan.failed(now(), origin.key, [...origins.keys()]);
      if (decision.action === "count") ticket.settle(now(), verdict);
      else if (decision.action === "discard") ticket.settle(now(), "cancelled");
      else {
        held.push({ ticket, verdict });
        for (const key of decision.origins) {
          probe(key, (reachable) => {
            const state = wan.checked(now(), reachable);
            if (state === "checking") return;
            if (state === "down" && background?.active !== true) {
              onChange(true);
              watch();
            }
            settleHeld(state === "down");
          });
        }
      }
    },
    await(done) {
      if (!wan.isDown) {
        done(true);
        return;
      }
      if (waiters.length >= MAX_WAITERS) {
        done(false);
        return;
      }
      waiters.push(done);
      const key = wan.joinConnect(now());
      if (key !== null) connect(key);
    },
    close() {
      background?.cancel();
      for (const cancel of probes) cancel();
      probes.clear();
      waiters = [];
      curious = [];
      settleHeld(true);
    },
  };
}
