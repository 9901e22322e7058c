/** Whom the gateway may ask, when, and how often: looked at in the very moment of each send. */
import assert from "node:assert/strict";
import type { TargetRow } from "../../src/gateway/gateway.ts";
import { askedOf, type Call, type Sent } from "./client-model.ts";
import type { Ending, UpstreamTruth } from "./upstream-truth.ts";
import { hasContent, isUsable, rowsOf, type World } from "./world.ts";

interface Probe {
  readonly sent: Sent;
  /** When it failed beyond doubt; -1 = it runs, or nobody can tell. */
  failedAt: number;
}

/** The wait between two probes of 15 s, less its jitter. */
const SHORTEST_WAIT_MS = 13_490;
/** What the retry budget looks at, less the longest wait between taking and sending. */
const BUDGET_WINDOW_MS = 5000;

export class SendRules {
  readonly #world: World;
  readonly #truth: UpstreamTruth;
  readonly #sends = new Map<string, Sent[]>();
  readonly #probes = new Map<string, Probe[]>();
  /** Those that went out though another target could be asked. */
  readonly #chosen = new Set<Sent>();

  constructor(world: World, truth: UpstreamTruth) {
    this.#world = world;
    this.#truth = truth;
  }

  check(sent: Sent): void {
    const facts = this.#truth.of(sent.provider);
    facts.sends++;
    this.#checkCounts(sent);
    this.#checkBudget(sent);
    const rows = rowsOf(this.#world);
    const row = rows.get(sent.provider);
    if (row === undefined || this.#isStale(sent.call, sent.provider)) return;
    assert.ok(
      row.status === "benched" || sent.request.at >= facts.notBefore - 1,
      `${sent.provider} was asked ${facts.notBefore - sent.request.at} ms before it said it may be`,
    );
    if (row.circuit === "closed" && row.status !== "suspect") this.#probes.delete(sent.provider);
    const others = this.#usableOthers(sent, rows);
    if (others.length === 0) return;
    assert.ok(
      facts.benchedUntil <= sent.request.at,
      `${sent.provider} refused our key ${sent.request.at - facts.benchedUntil + 300_000} ms ago and ${others} could be asked`,
    );
    this.#chosen.add(sent);
    this.#checkOrder(sent, rows);
    this.#checkRow(sent, others);
    this.#checkProbe(sent, row, others);
  }

  onEnded(sent: Sent, how: Ending): void {
    if (how !== "failed") return;
    for (const probe of this.#probes.get(sent.provider) ?? []) {
      if (probe.sent === sent) probe.failedAt = sent.request.endedAt;
    }
  }

  forget(provider: string): void {
    this.#probes.delete(provider);
    this.#sends.delete(provider);
  }

  /** Requests keep the configuration they began with, and the states of targets that it alone has. */
  #isStale(call: Call, provider: string): boolean {
    return (this.#world.forgottenAt.get(provider) ?? -1) >= call.askedAt;
  }

  #checkCounts({ call, provider, request }: Sent): void {
    const asked = askedOf(call);
    const continues = /"role":"assistant"/.test(request.body);
    // Each continuation is allowed one attempt more.
    const most = Math.max(4, call.providers.length + 1) + (continues ? call.providers.length : 0);
    assert.ok(asked.length < most, `request ${call.number} made ${asked.length + 1} attempts: ${asked}`);
    const before = asked.filter((one) => one === provider).length;
    assert.ok(before < 2, `${provider} was asked a third time by request ${call.number}`);
  }

  /** Taken before the wait it is for, at most 5 s earlier: two windows of takes may fall into one of sends. */
  #checkBudget(sent: Sent): void {
    const { provider, request } = sent;
    const sends = this.#sends.get(provider) ?? [];
    this.#sends.set(provider, sends);
    sends.push(sent);
    while ((sends[0]?.request.at ?? 0) < request.at - 20_000) this.#chosen.delete(sends.shift() as Sent);
    const seconds = sends.filter((one) => one.second && one.request.at > request.at - BUDGET_WINDOW_MS);
    const firsts = sends.filter((one) => !one.second).length;
    assert.ok(
      seconds.length <= Math.max(10, Math.floor(0.2 * firsts)),
      `${seconds.length} second sends to ${provider} in ${BUDGET_WINDOW_MS} ms, over ${firsts} firsts`,
    );
  }

  #usableOthers({ call, provider }: Sent, rows: ReadonlyMap<string, TargetRow>): string[] {
    const asked = askedOf(call);
    return [...rows.keys()].filter(
      (name) =>
        name !== provider &&
        call.providers.includes(name) &&
        !this.#isStale(call, name) &&
        !asked.includes(name) &&
        isUsable(this.#world, name, rows.get(name)),
    );
  }

  /** `failover`: nobody is asked while one before it in the list could be. */
  #checkOrder({ call, provider }: Sent, rows: ReadonlyMap<string, TargetRow>): void {
    const row = rows.get(provider);
    if (this.#world.strategy !== "failover" || row?.circuit !== "closed" || row.status === "suspect") return;
    // Later on, one that was out at first may be back.
    if (call.sends.length > 0) return;
    for (const name of call.providers) {
      if (name === provider) return;
      const passedOver = isUsable(this.#world, name, rows.get(name));
      assert.ok(!passedOver, `${provider} was asked though ${name} stands before it and could be`);
    }
  }

  /** Three failures in a row, and no word since: out for a cooldown, but for one probe. */
  #checkRow(sent: Sent, others: readonly string[]): void {
    const { outSince } = this.#truth.of(sent.provider);
    const { at } = sent.request;
    if (outSince < 0) return;
    const from = Math.max(outSince, at - SHORTEST_WAIT_MS);
    const recent = (this.#sends.get(sent.provider) ?? []).filter(
      (one) =>
        one.request.at > from &&
        this.#chosen.has(one) &&
        // Neither a caller that goes nor what the uplink may have broken is a verdict: the next one is the probe.
        one.call.exchange.how !== "aborted" &&
        one.condition !== "unreachable",
    );
    assert.ok(
      recent.length <= 1,
      `${sent.provider} failed three times in a row ${at - outSince} ms ago and was asked ${recent.length} times since, though ${others} could be`,
    );
  }

  #checkProbe(sent: Sent, row: TargetRow, others: readonly string[]): void {
    const { provider, request } = sent;
    if (row.circuit === "closed" && row.status !== "suspect") return;
    assert.notEqual(row.circuit, "open", `${provider} was asked while open and ${others} could be`);
    const probes = this.#probes.get(provider) ?? [];
    // Content gives the permit back: the stream goes on as any other.
    const running = probes.filter((probe) => probe.sent.request.outcome === "" && !hasContent(probe.sent));
    assert.equal(running.length, 0, `${provider} has a second probe`);
    const failedAt = Math.max(-1, ...probes.map((probe) => probe.failedAt));
    assert.ok(
      failedAt < 0 || request.at >= failedAt + SHORTEST_WAIT_MS,
      `${provider} was probed again ${request.at - failedAt} ms after a probe had failed`,
    );
    this.#probes.set(provider, [...running, { sent, failedAt: -1 }]);
  }
}
