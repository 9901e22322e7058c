/** A small map that forgets what was used longest ago: bounded by count and, where wanted, by idle time. */

interface Entry<V> {
  value: V;
  usedAt: number;
}

/** `now` is monotonic milliseconds. Both reading and writing count as use. */
export class LruMap<V> {
  private readonly entries = new Map<string, Entry<V>>();
  /** Used last: it need not be moved to the end again. */
  private newest: Entry<V> | null = null;

  /** `idleMs` Infinity = entries do not age; `onEvict` sees what falls out for lack of room. */
  constructor(
    private readonly capacity: number,
    private readonly idleMs: number = Number.POSITIVE_INFINITY,
    private readonly onEvict?: (value: V, key: string) => void,
  ) {}

  get size(): number {
    return this.entries.size;
  }

  get(key: string, now: number): V | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    if (now - entry.usedAt >= this.idleMs) {
      this.entries.delete(key);
      return undefined;
    }
    entry.usedAt = now;
    if (entry === this.newest) return entry.value;
    this.entries.delete(key);
    this.entries.set(key, entry);
    this.newest = entry;
    return entry.value;
  }

  set(key: string, value: V, now: number): void {
    const known = this.entries.get(key);
    if (known !== undefined) {
      known.value = value;
      known.usedAt = now;
      if (known === this.newest) return;
      this.entries.delete(key);
    }
    const entry = known ?? { value, usedAt: now };
    this.entries.set(key, entry);
    this.newest = entry;
    if (this.entries.size <= this.capacity) return;
    for (const [oldest, entry] of this.entries) {
      this.entries.delete(oldest);
      this.onEvict?.(entry.value, oldest);
      return;
    }
  }

  delete(key: string): boolean {
    return this.entries.delete(key);
  }

  /** Every entry, longest unused first; reading this way is not a use. */
  *values(): IterableIterator<V> {
    for (const entry of this.entries.values()) yield entry.value;
  }

  *keys(): IterableIterator<string> {
    yield* this.entries.keys();
  }
}
