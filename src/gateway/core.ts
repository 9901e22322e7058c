/** What outlives a request and a configuration: time, health, budgets, counters. Handed down by parameter. */
import type { Time } from "../base/clock.ts";
import { LruMap } from "../base/lru-map.ts";
import type { HealthRegistry } from "../health/registry.ts";
import { createMemoryBudget, type MemoryBudget } from "../limits/memory.ts";
import type { CarrierStore } from "../protocols/protocol.ts";
import { HedgeBudget } from "../routing/hedge.ts";
import { IdPins } from "../routing/id-pins.ts";
import { OutputMean } from "../routing/price.ts";
import { RetryBudget } from "../routing/retry-budget.ts";
import { Stickiness } from "../routing/stickiness.ts";
import { createStrategy } from "../routing/strategies.ts";
import type { Strategy } from "../routing/strategy.ts";
import type { Log } from "../telemetry/log.ts";
import type { Origin, UpstreamClient } from "../upstream/client.ts";
import { type BodyBuffers, createBodyBuffers } from "./body-buffers.ts";
import type { TargetSet } from "./candidates.ts";
import { type ClaudeModels, createClaudeModels } from "./claude-models.ts";
import { KnownBodies } from "./known-bodies.ts";
import { LineMemory } from "./line-memory.ts";
import { createRepairBodies, type RepairBodies } from "./repair-bodies.ts";
import type { Alias, Target } from "./target.ts";
import { createUplink, type Uplink } from "./uplink.ts";

/** What an alias learned; kept over reloads while its strategy stays the same. */
export interface AliasState {
  readonly strategy: Strategy;
  readonly hedges: HedgeBudget;
  readonly output: OutputMean;
}

export interface Totals {
  requests: number;
  failed: number;
  active: number;
  tokensIn: number;
  tokensOut: number;
  /** Broken streams that another target finished, and those that none did. */
  continuations: number;
  unrepaired: number;
  /** Streams that broke without their body, which had given way to new requests. */
  bodiesMissed: number;
}

export interface Core {
  readonly time: Time;
  readonly log: Log;
  readonly upstream: UpstreamClient;
  readonly health: HealthRegistry;
  readonly uplink: Uplink;
  readonly memory: MemoryBudget;
  readonly repairBodies: RepairBodies;
  readonly bodyBuffers: BodyBuffers;
  /** Whole answers that are held until they are known to be whole. */
  readonly answers: MemoryBudget;
  /** Epoch milliseconds: a wall clock before it was never set. */
  readonly buildDate: number;
  /** Where a URL that came with a request is fetched: checked addresses only, or a Failure. */
  readonly publicOrigin: (url: URL) => Promise<Origin>;
  readonly stickiness: Stickiness;
  readonly idPins: IdPins;
  readonly carriers: CarrierStore;
  readonly claudeModels: ClaudeModels;
  readonly totals: Totals;
  readonly lineMemory: LineMemory;
  readonly knownBodies: KnownBodies;
  /** Providers an operator took out, by name: also for targets that callers name themselves. */
  readonly offline: Set<string>;
  aliasState(alias: Alias, exploitK: number): AliasState;
  retryBudget(provider: string): RetryBudget;
  /** What is the same for every request over one list of targets. */
  readonly targetSets: WeakMap<readonly Target[], TargetSet>;
  /** Members this target's provider refused within the last hour. */
  refusedMembers(target: Target): readonly string[];
  noteRefused(target: Target, member: string): void;
  /** A place among those that wait for one target; false when the line is full. */
  joinLine(identity: string, most: number): boolean;
  leaveLine(identity: string): void;
  /** Callers in all lines. A method: one accessor in a literal makes V8 look up all its members by hash. */
  waiting(): number;
}

const MAX_ALIAS_STATES = 512;
/** The time, where entries do not age by it. */
const UNAGED = 0;
const MAX_PROVIDERS = 512;
const MAX_KEPT_BODIES = 2 * 1024 * 1024;
const REFUSED_FOR_MS = 3_600_000;
const MAX_REFUSED = 32;
/** Signatures of calls whose clients have no place for them (40-protocols.md 1.7). */
const CARRIERS = 4096;
const NONE_REFUSED: readonly string[] = [];
const CARRIER_TTL_MS = 3_600_000;
const MAX_CARRIER_BYTES = 16 * 1024;

export interface CoreOptions {
  readonly time: Time;
  readonly log: Log;
  readonly upstream: UpstreamClient;
  readonly health: HealthRegistry;
  readonly bufferBytes: number;
  readonly buildDate: number;
  readonly publicOrigin: Core["publicOrigin"];
}

export function createCore(options: CoreOptions): Core {
  const { time } = options;
  const aliases = new LruMap<AliasState>(MAX_ALIAS_STATES);
  const budgets = new LruMap<RetryBudget>(MAX_PROVIDERS);
  const refused = new LruMap<string[]>(MAX_PROVIDERS, REFUSED_FOR_MS);
  const carriers = new LruMap<string>(CARRIERS, CARRIER_TTL_MS);
  const lines = new Map<string, number>();
  let waiting = 0;
  const repairBodies = createRepairBodies(createMemoryBudget(options.bufferBytes));
  const now = () => time.clock.now();

  return {
    time,
    log: options.log,
    upstream: options.upstream,
    health: options.health,
    uplink: createUplink(time, options.upstream, (down) => {
      if (down)
        options.log.warn(
          {},
          "the internet connection is down: public targets are left alone until it is back",
        );
      else options.log.info({}, "the internet connection is back");
    }),
    memory: repairBodies.memory,
    repairBodies,
    bodyBuffers: createBodyBuffers(time.timers, Math.min(MAX_KEPT_BODIES, options.bufferBytes / 8)),
    answers: createMemoryBudget(answerBytes(options.bufferBytes)),
    buildDate: options.buildDate,
    publicOrigin: options.publicOrigin,
    stickiness: new Stickiness(),
    idPins: new IdPins(),
    carriers: {
      get: (callId) => carriers.get(callId, now()),
      set: (callId, carrier) => {
        if (carrier.length <= MAX_CARRIER_BYTES) carriers.set(callId, carrier, now());
      },
    },
    claudeModels: createClaudeModels(options),
    offline: new Set(),
    targetSets: new WeakMap(),
    lineMemory: new LineMemory(),
    knownBodies: new KnownBodies(),
    totals: {
      requests: 0,
      failed: 0,
      active: 0,
      tokensIn: 0,
      tokensOut: 0,
      continuations: 0,
      unrepaired: 0,
      bodiesMissed: 0,
    },
    aliasState(alias, exploitK) {
      const known = aliases.get(alias.stateKey, UNAGED);
      if (known !== undefined) return known;
      const made: AliasState = {
        strategy: createStrategy(alias.strategy, exploitK),
        hedges: new HedgeBudget(),
        output: new OutputMean(),
      };
      aliases.set(alias.stateKey, made, UNAGED);
      return made;
    },
    retryBudget(provider) {
      const known = budgets.get(provider, UNAGED);
      if (known !== undefined) return known;
      const made = new RetryBudget();
      budgets.set(provider, made, UNAGED);
      return made;
    },
    refusedMembers(target) {
      if (refused.size === 0) return NONE_REFUSED;
      return refused.get(target.provider.name, now()) ?? NONE_REFUSED;
    },
    noteRefused(target, member) {
      const list = refused.get(target.provider.name, now()) ?? [];
      if (list.includes(member) || list.length >= MAX_REFUSED) return;
      refused.set(target.provider.name, [...list, member], now());
    },
    waiting: () => waiting,
    joinLine(identity, most) {
      const length = lines.get(identity) ?? 0;
      if (length >= most) return false;
      waiting++;
      lines.set(identity, length + 1);
      return true;
    },
    leaveLine(identity) {
      const length = (lines.get(identity) ?? 1) - 1;
      waiting--;
      if (length > 0) lines.set(identity, length);
      else lines.delete(identity);
    },
  };
}

/** What held answers may take, of what request bodies may: a router's answers are smaller than its prompts. */
export function answerBytes(bufferBytes: number): number {
  return Math.max(1024 * 1024, Math.floor(bufferBytes / 2));
}
