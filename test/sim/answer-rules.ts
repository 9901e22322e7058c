/** What callers get: whole answers or errors, never a refusal while a healthy target stands by. */
import assert from "node:assert/strict";
import { askedOf, type Call, errorOf, judgeAnswer } from "./client-model.ts";
import { isUsable, nowOf, rowsOf, type World } from "./world.ts";

const TOTAL_MS = 20 * 60_000;

export class AnswerRules {
  readonly #world: World;
  readonly #refusals: unknown[] = [];
  /** Codes of the errors callers got, and how often. */
  readonly causes = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  /** A request that is over, and not because its client went. */
  checkEnded(call: Call): void {
    const { exchange } = call;
    assert.equal(exchange.ends, 1, `request ${call.number} ended ${exchange.ends} times`);
    const problem = judgeAnswer(call);
    assert.equal(problem, "", `request ${call.number} (${call.dialect}, ${askedOf(call)}): ${problem}`);
    if (call.sound.size === 0) return;
    const full = exchange.status !== 200 && exchange.text.includes("memory for request bodies");
    const late = nowOf(this.#world) - call.askedAt >= TOTAL_MS;
    assert.ok(
      exchange.status === 200 || full || late,
      `request ${call.number} got ${exchange.text} though ${[...call.sound]} was well all the time; asked: ${askedOf(call)}`,
    );
  }

  /** At the very moment of the refusal: a little later the states are others. */
  noteRefusal(call: Call): void {
    try {
      this.#judgeRefusal(call);
    } catch (thrown) {
      // Inside the gateway's own call it would only look like a bug of the gateway's.
      this.#refusals.push(thrown);
    }
  }

  throwNoted(): void {
    if (this.#refusals.length > 0) throw this.#refusals[0];
  }

  #judgeRefusal(call: Call): void {
    const world = this.#world;
    // Ollama's errors have no code.
    const { error } = JSON.parse(call.exchange.text) as { error: string | { code?: string } };
    const code = typeof error === "string" ? errorOf(call.exchange.text).slice(0, 30) : (error.code ?? "");
    this.causes.set(code, (this.causes.get(code) ?? 0) + 1);
    if (call.exchange.text.includes("memory for request bodies")) return;
    if (nowOf(world) - call.askedAt >= TOTAL_MS || world.operatedAt >= call.askedAt) return;
    const asked = askedOf(call);
    for (const [name, row] of rowsOf(world)) {
      const server = world.servers.get(name);
      if (server === undefined || asked.includes(name) || !call.providers.includes(name)) continue;
      const steady = server.condition === "healthy" && server.changedAt < call.askedAt - 1000;
      const reachable = name === "lan" || (!world.wanDown && world.wanChangedAt < call.askedAt - 10_000);
      assert.ok(
        !(steady && reachable && isUsable(world, name, row)),
        `request ${call.number} was refused (${call.exchange.text}) though ${name} was ${row.status} and healthy; asked: ${asked}`,
      );
    }
  }
}
