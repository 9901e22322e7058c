/** Medians, and medians of paired ratios: rounds are compared with the round beside them, never with another minute. */

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value that a `share` of all lie below. */
export function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}

/** The median of a/b, round by round. */
export function pairedRatio(a: readonly number[], b: readonly number[]): number {
  return median(a.map((value, round) => value / (b[round] ?? Number.NaN)));
}
