/** Chance that can be replayed: `SEED=…` in the environment wins over a test's own seed. */

/** The seed to use and to print on failure. */
export function seedOf(standard: number): number {
  return process.env.SEED === undefined ? standard : Number(process.env.SEED);
}

/** mulberry32: uniform in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
