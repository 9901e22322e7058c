/** Deterministic picks by weight: the golden-ratio Weyl sequence spreads them more evenly than random numbers would. */

/** 2^32 divided by the golden ratio. */
const STEP = 0x9e3779b9;
const RANGE = 2 ** 32;

export class WeylSequence {
  private position = 0;

  /** One of `candidates` (not empty), indexes into `weights`, in proportion to its integer weight. */
  pick(candidates: readonly number[], weights: readonly number[]): number {
    let total = 0;
    for (let i = 0; i < candidates.length; i++) total += weights[candidates[i] as number] ?? 0;
    let point = this.point(total);
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i] as number;
      point -= weights[candidate] ?? 0;
      if (point < 0) return candidate;
    }
    return candidates[0] ?? 0;
  }

  /** The pick of two by their weights: true = the first. */
  picksFirst(first: number, second: number): boolean {
    const point = this.point(first + second);
    return point < first || point >= first + second;
  }

  /** The next integer from 0 to below `total`. */
  private point(total: number): number {
    this.position = (this.position + STEP) >>> 0;
    return Math.floor((this.position / RANGE) * total);
  }
}
