/** Nobody waits for nothing: a caller moves on in time and leaves nothing behind. */
import assert from "node:assert/strict";
import { askedOf, type Call, type Sent } from "./client-model.ts";
import { hasContent, isUsable, nowOf, rowsOf, type World } from "./world.ts";

/** A wait before a second send: 5 s of backoff, or 3 s that were asked for and a tenth. */
const LONGEST_WAIT_MS = 5000;
/** A late attempt looks this often whether another target has become usable. */
const LOOK_AGAIN_MS = 1000;
const FIRST_TOKEN_MS = 12_000;
const FIRST_TOKEN_PRIVATE_MS = 60_000;
const FIRST_TOKEN_MAX_MS = 180_000;
const FIRST_TOKEN_MAX_PRIVATE_MS = 900_000;
const CONNECT_LATE_MS = 3000;
const PROBE_MS = 1000;
/** A whole answer of a probe: the next target's average and a second; nobody's average is that long but a slow one's. */
const WHOLE_PROBE_MS = 5000;
/** Hedging, which comes before the probe's second. */
const EARLIEST_LATE_MS = 800;

export class WaitRules {
  readonly #world: World;
  /** Since when a provider has been usable, as far as anybody looked. */
  readonly #usableSince = new Map<string, number>();
  /** The longest time to first content that a provider ever showed. */
  readonly #slowest = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Whenever somebody looks: at each send, and after each step. */
  observe(): void {
    const now = nowOf(this.#world);
    for (const [name, row] of rowsOf(this.#world)) {
      if (!isUsable(this.#world, name, row)) this.#usableSince.delete(name);
      else if (!this.#usableSince.has(name)) this.#usableSince.set(name, now);
    }
    for (const sent of this.#world.open) {
      if (!hasContent(sent)) continue;
      const took = sent.request.heardAt - sent.request.at;
      this.#slowest.set(sent.provider, Math.max(took, this.#slowest.get(sent.provider) ?? 0));
    }
  }

  checkAll(): void {
    for (const call of this.#world.running) this.checkMoved(call);
    this.#checkOrphans();
  }

  /** While a healthy target stands by, no caller is left longer with those that do not answer than they may take. */
  checkMoved(call: Call): void {
    if (call.firstWordAt >= 0 || call.exchange.closed || call.sends.length === 0) return;
    const asked = askedOf(call);
    if (asked.length >= Math.max(4, call.providers.length + 1)) return;
    const now = nowOf(this.#world);
    const runs = call.sends.filter(({ request }) => request.outcome === "");
    // A whole answer is not raced, and content may be on its way to a reader that does not read.
    if (runs.some((sent) => hasContent(sent) || (!call.stream && !sent.probe))) return;
    const standingBy = [...call.sound].filter((name) => !asked.includes(name));
    const free = Math.min(
      ...standingBy.map((name) => this.#usableSince.get(name) ?? Number.POSITIVE_INFINITY),
    );
    if (free === Number.POSITIVE_INFINITY) return;
    const due = Math.max(free, ...call.sends.map((sent) => this.#dueOf(sent)));
    assert.ok(
      now <= due + LOOK_AGAIN_MS + 1,
      `request ${call.number} has waited ${now - due} ms too long (${asked}) while ${standingBy} was well and usable`,
    );
  }

  /** When the next target is to be asked beside it, or after it. */
  #dueOf({ provider, request, probe, call, condition }: Sent): number {
    if (request.outcome !== "") return request.endedAt + LONGEST_WAIT_MS;
    if (!call.stream) return request.at + WHOLE_PROBE_MS + (this.#slowestOf() > 1000 ? 60_000 : 0);
    if (probe) return request.at + PROBE_MS;
    const isPrivate = provider === "lan";
    const first = isPrivate ? FIRST_TOKEN_PRIVATE_MS : FIRST_TOKEN_MS;
    const most = isPrivate ? FIRST_TOKEN_MAX_PRIVATE_MS : FIRST_TOKEN_MAX_MS;
    const soft = Math.min(most, Math.max(first, 3 * (this.#slowest.get(provider) ?? 0)));
    return request.at + (condition === "unconnected" ? CONNECT_LATE_MS : soft);
  }

  #slowestOf(): number {
    return Math.max(0, ...this.#slowest.values());
  }

  /** What runs for callers that are gone or answered: observers, one for a target, late ones of streams. */
  #checkOrphans(): void {
    const now = nowOf(this.#world);
    const observers = new Map<string, number>();
    for (const sent of this.#world.open) {
      const { call, provider, request } = sent;
      if (!call.exchange.closed) continue;
      observers.set(provider, (observers.get(provider) ?? 0) + 1);
      assert.ok(call.stream, `request ${call.number} is over and its whole answer still runs at ${provider}`);
      assert.ok(!hasContent(sent), `the observer of request ${call.number} at ${provider} has seen content`);
      const most = provider === "lan" ? FIRST_TOKEN_MAX_PRIVATE_MS : FIRST_TOKEN_MAX_MS;
      assert.ok(now - request.at <= most, `${provider} has been observed for ${now - request.at} ms`);
      assert.ok(
        request.at + EARLIEST_LATE_MS <= call.endedAt,
        `request ${call.number} is over, was not late at ${provider} and still runs there`,
      );
    }
    for (const [provider, count] of observers) assert.ok(count <= 1, `${count} observers at ${provider}`);
  }
}
