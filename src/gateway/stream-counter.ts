/** How many streams each client address has open (limits.max_streams_per_client). */

export interface StreamCounter {
  /** False: that would be one too many. */
  join(address: string, most: number): boolean;
  leave(address: string): void;
}

/** Bounded by the connections there can be: an address without streams is forgotten. */
export function createStreamCounter(): StreamCounter {
  const open = new Map<string, number>();
  return {
    join(address, most) {
      const count = open.get(address) ?? 0;
      if (count >= most) return false;
      open.set(address, count + 1);
      return true;
    },
    leave(address) {
      const count = (open.get(address) ?? 1) - 1;
      if (count > 0) open.set(address, count);
      else open.delete(address);
    },
  };
}
