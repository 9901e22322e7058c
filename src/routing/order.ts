/** The order in which one request asks its alias's targets: pins, the probe, then the strategy, the unable ones last. */
import { affinityTarget } from "./affinity.ts";
import { missingAbility, type RequestNeed, type TargetAbility } from "./capability.ts";
import { routeReason } from "./route-reason.ts";
import type { SessionKey } from "./session-key.ts";
import type { Stickiness } from "./stickiness.ts";
import type { RouteTarget, Strategy, StrategyContext } from "./strategy.ts";
import type { TargetState } from "./target-state.ts";

export interface RouteRequest extends StrategyContext {
  readonly need: RequestNeed;
  /** Index of the target that issued an id this request names; -1 = none. Nobody else is asked then. */
  readonly issuer: number;
  /** `x-session-affinity` as it came; "" = absent. */
  readonly affinity: string;
  /** `[routing].error_threshold`. */
  readonly errorThreshold: number;
  /** From `sessionKey`; null when the alias has `sticky = "off"`. */
  readonly session: SessionKey | null;
  /** The request holds an assistant turn. */
  readonly continues: boolean;
}

type Hold = "" | "id" | "affinity" | "sticky";
const NOT_HELD: readonly [number, Hold] = [-1, ""];
const ANY_ABILITY: TargetAbility = {};

export interface RouteOrder {
  /** Indexes in the order of asking. */
  readonly order: number[];
  /** The first one is asked as the half-open probe. */
  readonly probe: boolean;
  /** Why the first one was not the strategy's choice. */
  readonly hold: Hold;
  /** For `x-sluice-route`. */
  readonly reason: string;
}

/**
 * `targets` without those the caller is not permitted, `states` and `abilities` by the same index. An empty order
 * means that nothing is usable: `nothingUsable` decides then, as it does when the whole order has failed.
 */
export function orderTargets(
  targets: readonly RouteTarget[],
  states: readonly TargetState[],
  abilities: readonly TargetAbility[],
  strategy: Strategy,
  stickiness: Stickiness,
  request: RouteRequest,
): RouteOrder {
  if (request.issuer >= 0) return pinned(states, request, strategy, targets);

  const lacks = lacking(targets.length, abilities, request.need);
  // A list of all, which most requests have, is a copy: one that grows makes room for seventeen.
  const usable = allUsable(states, targets.length, lacks) ? firstIndexes(targets.length) : [];
  let unable = NO_INDEXES;
  let probe = -1;
  if (usable.length === 0) {
    const short: number[] = [];
    unable = [];
    for (let index = 0; index < targets.length; index++) {
      const state = states[index];
      if (state === undefined) continue;
      if (state.state === "usable") {
        if (isAble(lacks, index)) usable.push(index);
        else unable.push(index);
      } else if (state.state === "probe" && probe < 0 && isAble(lacks, index)) probe = index;
      else if (state.state === "out" && state.reason === "quota" && isAble(lacks, index)) short.push(index);
    }
    // The only usable target is never skipped for a quota.
    if (usable.length === 0 && unable.length === 0) usable.push(...short);
  }

  const [held, hold] = heldTarget(targets, states, lacks, stickiness, request);
  const probing = held < 0 && probe >= 0;
  const picks = held < 0 && !probing;
  const order = usable.length === 0 ? [] : strategy.order(targets, usable, request, picks);
  if (unable.length > 0)
    order.push(...strategy.order(targets, unable, request, picks && usable.length === 0));
  moveToFront(order, probing ? probe : held);
  const reason = routeReason(strategy.name, hold, targets, states, lacks, probing ? probe : -1, request.now);
  return { order, probe: probing, hold, reason };
}

const NO_LACKS: readonly string[] = [];

/** What each target lacks; an empty list where none lacks anything. */
function lacking(count: number, abilities: readonly TargetAbility[], need: RequestNeed): readonly string[] {
  for (let index = 0; index < count; index++) {
    if (missingAbility(abilities[index] ?? ANY_ABILITY, need) === "") continue;
    return Array.from({ length: count }, (_, each) => missingAbility(abilities[each] ?? ANY_ABILITY, need));
  }
  return NO_LACKS;
}

function isAble(lacks: readonly string[], index: number): boolean {
  return (lacks[index] ?? "") === "";
}

function allUsable(states: readonly TargetState[], count: number, lacks: readonly string[]): boolean {
  if (lacks.length > 0) return false;
  for (let index = 0; index < count; index++) if (states[index]?.state !== "usable") return false;
  return true;
}

const NO_INDEXES: number[] = [];
const SHORT_LISTS: readonly (readonly number[])[] = [[], [0], [0, 1], [0, 1, 2], [0, 1, 2, 3]];

/** 0, 1, 2 ... */
function firstIndexes(count: number): number[] {
  return SHORT_LISTS[count]?.slice() ?? Array.from({ length: count }, (_, index) => index);
}

/**
 * Targets that stand before `answered` in a preferential order but could not answer: unusable at the start, or given
 * up on in this request. A sticky note made for want of them lapses when one is usable again.
 */
export function missedTargets(
  targets: readonly RouteTarget[],
  states: readonly TargetState[],
  strategy: Strategy,
  context: StrategyContext,
  answered: number,
  gaveUp: readonly number[],
): string[] {
  if (!strategy.preferential || targets.length < 2) return [];
  const all = targets.map((_, index) => index);
  const preference = strategy.order(targets, all, context, false);
  const missed: string[] = [];
  for (const index of preference) {
    if (index === answered) break;
    const target = targets[index];
    if (target !== undefined && (states[index]?.state !== "usable" || gaveUp.includes(index))) {
      missed.push(target.id);
    }
  }
  return missed;
}

function pinned(
  states: readonly TargetState[],
  request: RouteRequest,
  strategy: Strategy,
  targets: readonly RouteTarget[],
): RouteOrder {
  const state = states[request.issuer];
  const quota = state?.state === "out" && state.reason === "quota";
  const asked = state !== undefined && (state.state !== "out" || quota);
  return {
    order: asked ? [request.issuer] : [],
    probe: state?.state === "probe",
    hold: "id",
    reason: routeReason(strategy.name, "id", targets.slice(0, 0), states, [], -1, request.now),
  };
}

function heldTarget(
  targets: readonly RouteTarget[],
  states: readonly TargetState[],
  lacks: readonly string[],
  stickiness: Stickiness,
  request: RouteRequest,
): readonly [number, Hold] {
  if (request.affinity === "" && !request.continues) return NOT_HELD;
  const isUsable = (index: number) => states[index]?.state === "usable";
  const pinnedTo = affinityTarget(request.affinity, targets, request.errorThreshold);
  if (pinnedTo >= 0 && isUsable(pinnedTo)) return [pinnedTo, "affinity"];
  if (!request.continues || request.session === null) return NOT_HELD;
  const indexOf = (id: string) => targets.findIndex((target) => target.id === id);
  const noted = stickiness.target(request.session, request.now, (id) => isUsable(indexOf(id)));
  const index = noted === undefined ? -1 : indexOf(noted);
  return index >= 0 && isUsable(index) && isAble(lacks, index) ? [index, "sticky"] : [-1, ""];
}

function moveToFront(order: number[], index: number): void {
  if (index < 0) return;
  const at = order.indexOf(index);
  if (at >= 0) order.splice(at, 1);
  order.unshift(index);
}
