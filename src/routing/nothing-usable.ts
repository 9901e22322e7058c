/** What to do when no target is usable, at the start or once all usable ones have failed: a request is not failed out of caution. */
import type { TargetState } from "./target-state.ts";

/** `anyway`: once, no second send. `probe`: take the permit whatever is left of the wait. */
export type LastResort =
  | { readonly action: "ask"; readonly index: number; readonly as: "plain" | "anyway" | "probe" }
  /** Wait until monotonic `until`, or until the target's probe has ended, then decide again. */
  | {
      readonly action: "wait";
      readonly index: number;
      readonly for: "probe" | "cooldown";
      readonly until: number;
    }
  | {
      readonly action: "refuse";
      /** Rate limits are the reason: 429 `rate_limit_exceeded` instead of 503 `no_target`. */
      readonly rateLimited: boolean;
      /** Monotonic time at which the first target comes back; Infinity when unknown. */
      readonly until: number;
    };

/**
 * `order`: the alias's targets as the strategy prefers them; `given`: those given up on in this request, asked no
 * more; `limited`: among them those that answered 429.
 */
export function nothingUsable(
  states: readonly TargetState[],
  order: readonly number[],
  given: ReadonlySet<number>,
  limited: ReadonlySet<number>,
  now: number,
  retryAfterMax: number,
): LastResort {
  const left = order.filter((index) => !given.has(index) && states[index] !== undefined);
  const first = (test: (state: TargetState) => boolean) => {
    const index = left.find((candidate) => {
      const state = states[candidate];
      return state !== undefined && test(state);
    });
    return index ?? -1;
  };
  const ask = (index: number, as: "plain" | "anyway" | "probe"): LastResort => ({ action: "ask", index, as });

  let index = first((state) => state.state === "usable");
  if (index >= 0) return ask(index, "plain");
  index = first((state) => state.state === "probe");
  if (index >= 0) return ask(index, "probe");
  index = first((state) => state.state === "out" && state.reason === "quota");
  if (index >= 0) return ask(index, "plain");
  index = first((state) => isDown(state) && state.quick);
  if (index >= 0) return ask(index, "anyway");
  index = first((state) => state.state === "out" && state.reason === "suspect");
  if (index >= 0) return ask(index, "anyway");
  index = first((state) => isDown(state) && !state.probing);
  if (index >= 0) return ask(index, "probe");
  index = first((state) => isDown(state));
  if (index >= 0) return { action: "wait", index, for: "probe", until: Number.POSITIVE_INFINITY };

  const cooling = earliest(left, states, "cooling");
  if (cooling !== null && cooling.until - now <= retryAfterMax) {
    return { action: "wait", index: cooling.index, for: "cooldown", until: cooling.until };
  }
  // A key may have been put right meanwhile; while anything else could come back, it is left alone.
  const online = order.filter((candidate) => !isReason(states[candidate], "offline"));
  if (online.length > 0 && online.every((candidate) => isReason(states[candidate], "benched", "clock"))) {
    index = online.find((candidate) => !given.has(candidate)) ?? -1;
    if (index >= 0) return ask(index, "anyway");
  }
  return refusal(states, order, online, limited);
}

function refusal(
  states: readonly TargetState[],
  order: readonly number[],
  online: readonly number[],
  limited: ReadonlySet<number>,
): LastResort {
  let until = Number.POSITIVE_INFINITY;
  for (const index of order) {
    const state = states[index];
    if (state?.state === "out") until = Math.min(until, state.until);
  }
  const rateLimited =
    online.length > 0 &&
    online.every((index) => limited.has(index) || isReason(states[index], "cooling", "quota"));
  return { action: "refuse", rateLimited, until };
}

function isDown(state: TargetState): state is TargetState & { state: "out" } {
  return state.state === "out" && (state.reason === "open" || state.reason === "probing");
}

function isReason(state: TargetState | undefined, ...reasons: string[]): boolean {
  return state?.state === "out" && reasons.includes(state.reason);
}

function earliest(
  left: readonly number[],
  states: readonly TargetState[],
  reason: string,
): { index: number; until: number } | null {
  let found: { index: number; until: number } | null = null;
  for (const index of left) {
    const state = states[index];
    if (state?.state !== "out" || state.reason !== reason) continue;
    if (found === null || state.until < found.until) found = { index, until: state.until };
  }
  return found;
}
