/** What a soak's samples and counts amount to: memory below its bounds and flat, nothing lost, nothing left over. */
import type { Memory } from "../bench/servers.ts";
import { median, quantile } from "../bench/statistics.ts";
import { atLeast, atMost, type Target } from "../bench/targets.ts";
import type { Counts } from "./contract.ts";
import type { RequestKind } from "./mix.ts";

/** MiB of anonymous and shared memory. */
export interface Bounds {
  /** The fourth quarter's median. */
  readonly typical: number;
  /** Any sample: large bodies of several callers may fall together. */
  readonly most: number;
  /** By how much the fourth quarter's lowest tenth may lie above the third's. */
  readonly growth: number;
  /** Once nobody has asked for minutes. */
  readonly rest: number;
}

/** What `/status` says once the clients are gone. */
export interface Leftovers {
  readonly requests: number;
  readonly upstreamConnections: number;
  readonly bodyBytes: number;
  readonly answerBytes: number;
}

/** What is left between two collections: five minutes' medians move by 3 MiB with chance, these by 1. */
const LOW = 0.1;

/** Samples at equal distances over the whole of the load. */
export function judgeMemory(samples: readonly Memory[], bounds: Bounds): Target[] {
  const values = samples.map(({ anonymous }) => anonymous);
  const from = (share: number) => Math.floor(values.length * share);
  const third = values.slice(from(0.5), from(0.75));
  const fourth = values.slice(from(0.75));
  const growth = quantile(fourth, LOW) - quantile(third, LOW);
  return [
    atMost("anonymous memory, median of the last quarter", median(fourth), bounds.typical, "MiB"),
    atMost("the same, most", Math.max(...values), bounds.most, "MiB"),
    atMost("the same, growth from third to fourth quarter", growth, bounds.growth, "MiB"),
  ];
}

export function judgeRest(memory: Memory, bounds: Bounds): Target {
  return atMost("the same, at rest", memory.anonymous, bounds.rest, "MiB");
}

export function judgeAnswers(counts: Counts, kinds: readonly RequestKind[]): Target[] {
  let unexpected = 0;
  let rarest = Number.POSITIVE_INFINITY;
  for (const kind of kinds) {
    let all = 0;
    for (const [outcome, count] of Object.entries(counts[kind.name] ?? {})) {
      all += count;
      if (!kind.expected.includes(outcome)) unexpected += count;
    }
    rarest = Math.min(rarest, all);
  }
  return [
    atMost("answers that were not expected", unexpected, 0, ""),
    atLeast("requests of the rarest kind", rarest, 1, ""),
  ];
}

/** A soak in which nothing fails would show less than it says: about a tenth of what the flaky provider is asked does. */
export function judgeFailures(asked: { readonly requests: number; readonly failures: number }): Target {
  return atLeast("failures of the flaky provider", (100 * asked.failures) / asked.requests, 2, "%");
}

export function judgeLeftovers(left: Leftovers): Target[] {
  return [
    atMost("requests left open", left.requests, 0, ""),
    atMost("upstream connections left open", left.upstreamConnections, 0, ""),
    atMost("bytes of bodies left held", left.bodyBytes, 0, ""),
    atMost("bytes of answers left held", left.answerBytes, 0, ""),
  ];
}
