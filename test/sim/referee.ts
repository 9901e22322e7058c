/** All rules of the simulation in one hand: told of each send and each step, it throws when one is broken. */
import { AnswerRules } from "./answer-rules.ts";
import type { Call, Sent } from "./client-model.ts";
import { Ledger } from "./ledger.ts";
import { SendRules } from "./send-rules.ts";
import { StateRules } from "./state-rules.ts";
import { UpstreamTruth } from "./upstream-truth.ts";
import { WaitRules } from "./wait-rules.ts";
import { nowOf, type World } from "./world.ts";

export class Referee {
  readonly answers: AnswerRules;
  readonly #world: World;
  readonly #truth: UpstreamTruth;
  readonly #sends: SendRules;
  readonly #waits: WaitRules;
  readonly #states: StateRules;
  readonly #ledger: Ledger;
  /** What a rule found inside the gateway's own call, where it would only look like a bug of the gateway's. */
  readonly #broken: unknown[] = [];

  /** `open`: the world's own set, from which ended sends are taken. */
  constructor(world: World, open: Set<Sent>) {
    this.#world = world;
    this.#truth = new UpstreamTruth(world, open);
    this.#sends = new SendRules(world, this.#truth);
    this.#waits = new WaitRules(world);
    this.#states = new StateRules(world, this.#truth);
    this.#ledger = new Ledger(world);
    this.answers = new AnswerRules(world);
  }

  /** In the very moment of the send, before it is written down. */
  takeSend(sent: Sent): void {
    try {
      this.#takeEnded();
      this.#waits.observe();
      this.#waits.checkMoved(sent.call);
      this.#sends.check(sent);
    } catch (thrown) {
      this.#broken.push(thrown);
    }
  }

  /** After each step; `ended`: the calls that are over since the last one, their clients still there. */
  checkStep(ended: readonly Call[]): void {
    if (this.#broken.length > 0) throw this.#broken[0];
    this.answers.throwNoted();
    this.#takeEnded();
    for (const call of ended) this.answers.checkEnded(call);
    this.#states.check();
    this.#waits.observe();
    this.#waits.checkAll();
    this.#ledger.check();
  }

  /** The gateway throws away what it knows of a provider, now. */
  forget(provider: string): void {
    this.#takeEnded();
    this.#world.forgottenAt.set(provider, nowOf(this.#world));
    this.#truth.forget(provider);
    this.#sends.forget(provider);
    this.#states.forget(provider);
  }

  #takeEnded(): void {
    this.#truth.refresh((sent, how) => {
      this.#ledger.add(sent);
      this.#sends.onEnded(sent, how);
    });
  }
}
