/** Tests that make their input up: everything follows from one seed, and what fails tells it. */
import { seededRandom, seedOf } from "./seed.ts";

export class Chance {
  /** Uniform in [0, 1). */
  readonly next: () => number;

  constructor(seed: number) {
    this.next = seededRandom(seed);
  }

  /** A whole number, 0 or more. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** True in this share of the cases. */
  happens(share: number): boolean {
    return this.next() < share;
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** So many of a list, each of them any number of times. */
  picks<T>(list: readonly T[], count: number): T[] {
    return Array.from({ length: count }, () => this.pick(list));
  }

  shuffled<T>(list: readonly T[]): T[] {
    return list
      .map((item) => ({ item, place: this.next() }))
      .sort((a, b) => a.place - b.place)
      .map(({ item }) => item);
  }
}

/** Plays so many rounds, with a seed of the test's own unless `SEED` is set. */
export function fuzz(rounds: number, standardSeed: number, play: (chance: Chance) => void): void {
  const seed = seedOf(standardSeed);
  const chance = new Chance(seed);
  for (let round = 0; round < rounds; round++) {
    try {
      play(chance);
    } catch (error) {
      throw new Error(`SEED=${seed} round ${round}: ${(error as Error).message}`, { cause: error });
    }
  }
}
