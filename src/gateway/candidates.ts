/** The targets of one request with all that decides whom to ask next: health, ability, what was given up on, and their deadlines. */
import type { TargetHealth } from "../health/target-health.ts";
import { hasLargerContext, type RequestNeed, type TargetAbility } from "../routing/capability.ts";
import { hedgeDelay } from "../routing/hedge.ts";
import { probeDeadline, softDeadline } from "../routing/late.ts";
import type { RouteTarget, StrategyContext } from "../routing/strategy.ts";
import type { TargetState } from "../routing/target-state.ts";
import type { Core } from "./core.ts";
import type { Alias, Target } from "./target.ts";

export interface LoopRequest {
  readonly targets: readonly Target[];
  readonly need: RequestNeed;
  /** Tokens the answer may take, for quotas and prices. */
  readonly outputTokens: number;
  /** Index of the target an id in the request belongs to; -1 = none. */
  readonly issuer: number;
  readonly affinity: string;
  readonly sessionKey: string;
  readonly continues: boolean;
}

const OFFLINE: TargetState = {
  state: "out",
  reason: "offline",
  until: Number.POSITIVE_INFINITY,
  quick: false,
  probing: false,
};

const WAN_OUT: TargetState = {
  state: "out",
  reason: "wan",
  until: Number.POSITIVE_INFINITY,
  quick: false,
  probing: false,
};

export class Candidates {
  readonly routes: readonly RouteTarget[];
  readonly abilities: readonly TargetAbility[];
  /** Given up on in this request: not asked again. */
  readonly given = new Set<number>();
  /** Those that answered 429. */
  readonly limited = new Set<number>();
  /** In the order of asking. */
  order: number[] = [];
  readonly #core: Core;
  readonly #request: LoopRequest;
  readonly #stream: boolean;
  readonly #endpoint: string;
  readonly #health: readonly TargetHealth[];

  constructor(core: Core, request: LoopRequest, stream: boolean, endpoint: string) {
    this.#core = core;
    this.#request = request;
    this.#stream = stream;
    this.#endpoint = endpoint;
    const now = core.time.clock.now();
    this.#health = request.targets.map((target) => core.health.of(target.identity, now));
    this.routes = request.targets.map((target, index) => ({
      id: target.label,
      view: this.health(index),
      price: target.price,
      weight: target.weight,
    }));
    this.abilities = request.targets.map(abilityOf);
  }

  target(index: number): Target {
    return this.#request.targets[index] as Target;
  }

  health(index: number): TargetHealth {
    return this.#health[index] as TargetHealth;
  }

  get mode(): "stream" | "whole" {
    return this.#stream ? "stream" : "whole";
  }

  get quotaNeed() {
    return { inputTokens: this.#request.need.promptTokens, outputTokens: this.#request.outputTokens };
  }

  context(now: number): StrategyContext {
    return {
      now,
      mode: this.mode,
      promptTokens: this.#request.need.promptTokens,
      outputTokens: this.#request.outputTokens,
    };
  }

  states(now: number): TargetState[] {
    return this.#request.targets.map((_, index) => this.state(index, now));
  }

  state(index: number, now: number): TargetState {
    const { provider } = this.target(index);
    if (this.#core.offline.has(provider.name)) return OFFLINE;
    if (this.#core.uplink.wan.isDown && !provider.private) return WAN_OUT;
    return this.health(index).admission(now, this.#endpoint, this.quotaNeed);
  }

  /** The next in order that may be asked now; -1 = none. `isBusy`: it runs already or is about to be asked again. */
  next(now: number, isBusy: (index: number) => boolean): number {
    for (const index of this.order) {
      if (this.given.has(index) || isBusy(index)) continue;
      if (this.state(index, now).state !== "out") return index;
    }
    return -1;
  }

  asOf(index: number, now: number): "plain" | "probe" {
    return this.state(index, now).state === "probe" ? "probe" : "plain";
  }

  /** After a context that was too long for `index`: only larger or unknown ones are left. */
  giveUpSmaller(index: number): void {
    const than = this.abilities[index] ?? {};
    this.abilities.forEach((ability, other) => {
      if (!hasLargerContext(ability, than)) this.given.add(other);
    });
  }

  /** Milliseconds until an attempt is late; 0 = never. */
  softMs(index: number, probe: boolean): number {
    if (probe) {
      const next = this.order.find((other) => other !== index && !this.given.has(other));
      return probeDeadline(this.mode, next === undefined ? -1 : this.health(next).latency(this.mode));
    }
    if (!this.#stream) return 0;
    const { firstToken, firstTokenMax } = this.target(index).timeouts;
    return softDeadline(firstToken, firstTokenMax, this.health(index).medianFirstContent());
  }

  /** Milliseconds after which to hedge; 0 = not. */
  hedgeMs(index: number, hedge: Alias["hedge"]): number {
    return hedge === null ? 0 : (hedgeDelay(hedge, this.health(index).p95(this.mode)) ?? 0);
  }
}

function abilityOf(target: Target): TargetAbility {
  return {
    ...(target.maxContext > 0 ? { maxContext: target.maxContext } : {}),
    ...(target.tools === null ? {} : { tools: target.tools }),
    ...(target.images === null ? {} : { images: target.images }),
    ...(target.jsonSchema === null ? {} : { jsonSchema: target.jsonSchema }),
  };
}
