/** The short text of `x-sluice-route`: strategy, what held the request, what was skipped and why. */
import type { RouteTarget } from "./strategy.ts";
import type { TargetState } from "./target-state.ts";

const MAX_LENGTH = 480;

export function routeReason(
  strategy: string,
  hold: string,
  targets: readonly RouteTarget[],
  states: readonly TargetState[],
  lacks: readonly string[],
  probe: number,
  now: number,
): string {
  let text = hold === "" ? strategy : `${strategy}; held by ${hold}`;
  for (let index = 0; index < targets.length; index++) {
    const state = states[index];
    const id = targets[index]?.id ?? "";
    if (index === probe) text += `; probe ${id}`;
    else if (state?.state === "out")
      text += `; skipped ${id}: ${state.reason}${secondsLeft(state.until - now)}`;
    else if (lacks[index]) text += `; last ${id}: ${lacks[index]}`;
  }
  // A strategy's own name needs no look; it is all there is to say of most requests.
  return text === strategy ? text : headerText(text);
}

/** Model names may hold anything; a header value must not. */
export function headerText(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]/g, "?");
  return printable.length <= MAX_LENGTH ? printable : `${printable.slice(0, MAX_LENGTH - 3)}...`;
}

function secondsLeft(ms: number): string {
  return Number.isFinite(ms) && ms > 0 ? ` ${Math.ceil(ms / 1000)}s` : "";
}
