/** The targets of one request with all that decides whom to ask next: health, ability, what was given up on, and their deadlines. */
import type { QuotaNeed } from "../health/quota.ts";
import type { TargetHealth } from "../health/target-health.ts";
import { hasLargerContext, type RequestNeed, type TargetAbility } from "../routing/capability.ts";
import { hedgeDelay } from "../routing/hedge.ts";
import { probeDeadline, softDeadline } from "../routing/late.ts";
import { missedTargets, type RouteRequest } from "../routing/order.ts";
import type { SessionKey } from "../routing/session-key.ts";
import type { RouteTarget, Strategy } from "../routing/strategy.ts";
import type { TargetState } from "../routing/target-state.ts";
import type { Core } from "./core.ts";
import type { BodyNeed } from "./request-need.ts";
import type { Alias, Target } from "./target.ts";

export interface LoopRequest {
  readonly targets: readonly Target[];
  readonly need: BodyNeed;
  /** Tokens the answer may take, for quotas and prices. */
  readonly outputTokens: number;
  /** Index of the target an id in the request belongs to; -1 = none. */
  readonly issuer: number;
  readonly affinity: string;
  readonly session: SessionKey | null;
  readonly continues: boolean;
}

const NOBODY: ReadonlySet<number> = new Set();
const NONE_MISSED: readonly string[] = [];

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
  /** In the order of asking. */
  order: number[] = [];
  readonly #core: Core;
  readonly #request: LoopRequest;
  readonly #stream: boolean;
  readonly #endpoint: string;
  readonly #health: readonly TargetHealth[];
  readonly quotaNeed: QuotaNeed;
  #given: Set<number> | null = null;
  #limited: Set<number> | null = null;

  constructor(core: Core, request: LoopRequest, stream: boolean, endpoint: string) {
    this.#core = core;
    this.#request = request;
    this.#stream = stream;
    this.#endpoint = endpoint;
    const set = core.targetSets.get(request.targets) ?? describeTargets(core, request.targets);
    this.#health = set.health;
    this.routes = set.routes;
    this.abilities = set.abilities;
    this.quotaNeed = new CandidateNeed(request);
  }

  target(index: number): Target {
    return this.#request.targets[index] as Target;
  }

  health(index: number): TargetHealth {
    return this.#health[index] as TargetHealth;
  }

  /** Given up on in this request: not asked again. */
  get given(): ReadonlySet<number> {
    return this.#given ?? NOBODY;
  }

  isGiven(index: number): boolean {
    return this.#given?.has(index) === true;
  }

  giveUp(index: number): void {
    this.#given ??= new Set();
    this.#given.add(index);
  }

  /** Those that answered 429. */
  get limited(): ReadonlySet<number> {
    return this.#limited ?? NOBODY;
  }

  noteLimited(index: number): void {
    this.#limited ??= new Set();
    this.#limited.add(index);
  }

  get mode(): "stream" | "whole" {
    return this.#stream ? "stream" : "whole";
  }

  /** What strategies and the order of targets look at. `errorThreshold` counts for the order only. */
  context(now: number, errorThreshold = 0): RouteRequest {
    return new CandidateContext(now, this.mode, this.#request, errorThreshold);
  }

  states(now: number): TargetState[] {
    const states = new Array<TargetState>(this.#request.targets.length);
    for (let index = 0; index < states.length; index++) states[index] = this.state(index, now);
    return states;
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
      if (this.isGiven(index) || isBusy(index)) continue;
      if (this.state(index, now).state !== "out") return index;
    }
    // One that was out when the order was made may be back.
    const { targets, issuer } = this.#request;
    for (let index = 0; index < targets.length; index++) {
      if (this.order.includes(index) || this.isGiven(index) || isBusy(index)) continue;
      if ((issuer >= 0 && index !== issuer) || this.state(index, now).state === "out") continue;
      this.order.push(index);
      return index;
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
      if (!hasLargerContext(ability, than)) this.giveUp(other);
    });
  }

  /** Labels of those a preferential strategy would have asked before `answered`, had they been able to answer. */
  missed(strategy: Strategy, answered: number, now: number): readonly string[] {
    if (!strategy.preferential) return NONE_MISSED;
    return missedTargets(this.routes, this.states(now), strategy, this.context(now), answered, [
      ...this.given,
    ]);
  }

  /** Milliseconds until an attempt is late; 0 = never. */
  softMs(index: number, probe: boolean): number {
    if (probe) {
      const next = this.order.find((other) => other !== index && !this.isGiven(other));
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

/** What is the same for all requests over the same targets. */
export interface TargetSet {
  readonly health: readonly TargetHealth[];
  readonly routes: readonly RouteTarget[];
  readonly abilities: readonly TargetAbility[];
}

/** Worked out once for each list of targets. */
function describeTargets(core: Core, targets: readonly Target[]): TargetSet {
  const now = core.time.clock.now();
  const health = targets.map((target) => core.health.of(target.identity, now));
  const routes = targets.map((target, index) => ({
    id: target.label,
    view: health[index] as TargetHealth,
    price: target.price,
    weight: target.weight,
  }));
  const set = { health, routes, abilities: targets.map(abilityOf) };
  core.targetSets.set(targets, set);
  return set;
}

/** Estimates only when a quota or a strategy looks at tokens. */
class CandidateNeed implements QuotaNeed {
  readonly #request: LoopRequest;

  constructor(request: LoopRequest) {
    this.#request = request;
  }

  get inputTokens(): number {
    return this.#request.need.promptTokens;
  }

  get inputAtMost(): number {
    return this.#request.need.promptAtMost;
  }

  get outputTokens(): number {
    return this.#request.outputTokens;
  }
}

class CandidateContext implements RouteRequest {
  readonly now: number;
  readonly mode: "stream" | "whole";
  readonly need: RequestNeed;
  readonly issuer: number;
  readonly affinity: string;
  readonly errorThreshold: number;
  readonly session: SessionKey | null;
  readonly continues: boolean;
  readonly outputTokens: number;

  constructor(now: number, mode: "stream" | "whole", request: LoopRequest, errorThreshold: number) {
    this.now = now;
    this.mode = mode;
    this.need = request.need;
    this.issuer = request.issuer;
    this.affinity = request.affinity;
    this.errorThreshold = errorThreshold;
    this.session = request.session;
    this.continues = request.continues;
    this.outputTokens = request.outputTokens;
  }

  get promptTokens(): number {
    return this.need.promptTokens;
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
