/** What the gateway booked against what servers delivered: exact where they reported usage, the estimated prompt where they had begun. */
import assert from "node:assert/strict";
import { estimateRequest } from "../../src/protocols/estimate.ts";
import { readAsked, type Sent } from "./client-model.ts";
import { rowsOf, type World } from "./world.ts";

interface Tokens {
  input: number;
  output: number;
}

export class Ledger {
  readonly #world: World;
  readonly #total: Tokens = { input: 0, output: 0 };
  readonly #byProvider = new Map<string, Tokens>();

  constructor(world: World) {
    this.#world = world;
  }

  /** One send that is over, whoever ended it. */
  add(sent: Sent): void {
    const served = tokensOf(sent);
    const provider = this.#byProvider.get(sent.provider) ?? { input: 0, output: 0 };
    this.#byProvider.set(sent.provider, provider);
    for (const sum of [this.#total, provider]) {
      sum.input += served.input;
      sum.output += served.output;
    }
  }

  /** Everything that has ended was added. */
  check(): void {
    const { input, output } = this.#world.sim.gateway.status().tokens;
    const running = [...this.#world.open].map(tokensOf);
    // What runs is booked when it ends.
    assert.deepEqual({ input, output }, this.#total, `tokens booked, ${running.length} sends running`);
    for (const [name, row] of rowsOf(this.#world)) {
      if (this.#world.dropped.has(name)) continue;
      const booked = { input: row.tokensIn, output: row.tokensOut };
      assert.deepEqual(booked, this.#byProvider.get(name) ?? { input: 0, output: 0 }, `tokens of ${name}`);
    }
  }
}

function tokensOf({ request, call }: Sent): Tokens {
  const began = request.status >= 200 && request.status < 300;
  const whole = readAsked(request.body).stream || request.outcome === "ended";
  const reported = (name: RegExp) => (whole ? [...request.delivered.matchAll(name)].at(-1)?.[1] : undefined);
  const input = reported(/"(?:prompt_tokens|input_tokens)":(\d+)/g);
  const output = reported(/"(?:completion_tokens|output_tokens)":(\d+)/g);
  return {
    input: input === undefined ? (began ? estimateRequest(Buffer.from(call.body)) : 0) : Number(input),
    output: Number(output ?? 0),
  };
}
