/** The gateway's own books after each step: memory, timers, counters, and circuits that change only as they may. */
import assert from "node:assert/strict";
import type { TargetRow } from "../../src/gateway/gateway.ts";
import type { Call } from "./client-model.ts";
import type { UpstreamTruth } from "./upstream-truth.ts";
import { nowOf, rowsOf, type World } from "./world.ts";

/** Per request: total, wait, commit, sign of life. Per upstream call: one of the attempt's, two of the fake network's. */
const REQUEST_TIMERS = 4;
const CALL_TIMERS = 3;
/** A check of the uplink: three connects and the background one. */
const UPLINK_TIMERS = 4;
const COOLDOWN_MAX_MS = 300_000;

interface Seen {
  readonly row: TargetRow;
  readonly at: number;
}

export class StateRules {
  readonly #world: World;
  readonly #truth: UpstreamTruth;
  #seen = new Map<string, Seen>();

  constructor(world: World, truth: UpstreamTruth) {
    this.#world = world;
    this.#truth = truth;
  }

  check(): void {
    const { sim, running } = this.#world;
    const status = sim.gateway.status();
    assert.equal(status.requests.active, running.size, "active requests");
    const inLine = [...running].filter(isInLine).length;
    assert.ok(status.requests.waiting <= inLine, `${status.requests.waiting} in line, ${inLine} may be`);
    assert.deepEqual(sim.logged, [], "errors in the log");
    const { bodies, answers } = status.memory;
    assert.ok(bodies.used <= bodies.cap && answers.used <= answers.cap, "memory");
    let held = 0;
    for (const call of running) held += Buffer.byteLength(call.body);
    assert.ok(bodies.used <= held, `${bodies.used} bytes of bodies are held by callers who sent ${held}`);
    assert.ok(running.size > 0 || answers.used === 0, "answers held for nobody");
    const timers = REQUEST_TIMERS * running.size + CALL_TIMERS * sim.network.open + UPLINK_TIMERS;
    assert.ok(
      sim.time.pending <= sim.idleTimers + timers,
      `${sim.time.pending} timers for ${running.size} requests and ${sim.network.open} calls`,
    );
    this.#checkRows();
  }

  forget(provider: string): void {
    this.#seen.delete(provider);
  }

  #checkRows(): void {
    const now = nowOf(this.#world);
    const seen = new Map<string, Seen>();
    for (const [name, row] of rowsOf(this.#world)) {
      seen.set(name, { row, at: now });
      assert.ok(row.circuitLeft <= COOLDOWN_MAX_MS, `${name} waits ${row.circuitLeft} ms`);
      this.#checkCounts(name, row);
      const before = this.#seen.get(name);
      if (before !== undefined) this.#checkChange(name, before, row, now);
    }
    this.#seen = seen;
  }

  #checkCounts(name: string, row: TargetRow): void {
    if (this.#world.dropped.has(name)) return;
    const facts = this.#truth.of(name);
    assert.equal(row.requests, facts.sends, `attempts counted for ${name}`);
    assert.ok(
      row.failures >= facts.failures && row.failures <= facts.failures + facts.doubtful,
      `${row.failures} failures counted for ${name}: ${facts.failures} for certain, ${facts.doubtful} perhaps`,
    );
    assert.ok(
      row.successes <= facts.answers,
      `${row.successes} successes of ${name}, ${facts.answers} answers`,
    );
  }

  #checkChange(name: string, { row: before, at }: Seen, row: TargetRow, now: number): void {
    if (before.circuit === "closed" && row.circuit !== "closed") {
      assert.ok(row.failures > before.failures, `${name} was opened without a failure`);
    }
    // A word from it may have closed it, and it may have been opened again since.
    if (before.circuit === "open" && row.circuit === "half_open" && !this.#truth.heardSince(name, at)) {
      assert.ok(now - at >= before.circuitLeft - 1, `${name} is half-open ${before.circuitLeft} ms early`);
    }
    const { probeAnsweredAt } = this.#truth.of(name);
    assert.ok(
      row.circuit === "closed" || probeAnsweredAt <= at || row.failures > before.failures,
      `${name} has answered its probe and is ${row.circuit}`,
    );
    if (before.circuit !== "closed" && row.circuit === "closed") {
      assert.ok(this.#truth.heardSince(name, at), `${name} was closed without a word from it`);
    }
  }
}

/** Nothing runs for it, and it has no answer yet. */
function isInLine({ exchange, sends }: Call): boolean {
  return !exchange.closed && !sends.some(({ request }) => request.outcome === "");
}
