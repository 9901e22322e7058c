/** A small map that forgets what was used longest ago: bounded by count and, where wanted, by idle time. */

/** In the map by its key, and in a chain by its last use: to move in a chain costs no hashing, as it would in the map. */
interface Entry<V, K> {
  readonly key: K;
  value: V;
  usedAt: number;
  older: Entry<V, K> | null;
  newer: Entry<V, K> | null;
}

/** `now` is monotonic milliseconds; it counts only where entries age. Both reading and writing count as use. */
export class LruMap<V, K extends string | number = string> {
  private readonly entries = new Map<K, Entry<V, K>>();
  private oldest: Entry<V, K> | null = null;
  private newest: Entry<V, K> | null = null;

  /** `idleMs` Infinity = entries do not age; `onEvict` sees what falls out for lack of room. */
  constructor(
    private readonly capacity: number,
    private readonly idleMs: number = Number.POSITIVE_INFINITY,
    private readonly onEvict?: (value: V, key: K) => void,
  ) {}

  get size(): number {
    return this.entries.size;
  }

  get(key: K, now: number): V | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    if (now - entry.usedAt >= this.idleMs) {
      this.remove(entry);
      return undefined;
    }
    this.touch(entry, now);
    return entry.value;
  }

  set(key: K, value: V, now: number): void {
    const known = this.entries.get(key);
    if (known !== undefined) {
      known.value = value;
      this.touch(known, now);
      return;
    }
    const entry: Entry<V, K> = { key, value, usedAt: now, older: null, newer: null };
    this.entries.set(key, entry);
    this.append(entry);
    if (this.entries.size <= this.capacity || this.oldest === null) return;
    const dropped = this.oldest;
    this.remove(dropped);
    this.onEvict?.(dropped.value, dropped.key);
  }

  delete(key: K): boolean {
    const entry = this.entries.get(key);
    if (entry === undefined) return false;
    this.remove(entry);
    return true;
  }

  /** Every entry, longest unused first; reading this way is not a use. */
  *values(): IterableIterator<V> {
    for (const [, value] of this.inOrder()) yield value;
  }

  *keys(): IterableIterator<K> {
    for (const [key] of this.inOrder()) yield key;
  }

  private *inOrder(): IterableIterator<[K, V]> {
    for (let entry = this.oldest; entry !== null; ) {
      const next: Entry<V, K> | null = entry.newer;
      yield [entry.key, entry.value];
      entry = next;
    }
  }

  private touch(entry: Entry<V, K>, now: number): void {
    entry.usedAt = now;
    if (entry === this.newest) return;
    this.unchain(entry);
    this.append(entry);
  }

  private remove(entry: Entry<V, K>): void {
    this.entries.delete(entry.key);
    this.unchain(entry);
  }

  private append(entry: Entry<V, K>): void {
    entry.older = this.newest;
    if (this.newest === null) this.oldest = entry;
    else this.newest.newer = entry;
    this.newest = entry;
  }

  private unchain(entry: Entry<V, K>): void {
    const { older, newer } = entry;
    if (older === null) this.oldest = newer;
    else older.newer = newer;
    if (newer === null) this.newest = older;
    else newer.older = older;
    entry.older = null;
    entry.newer = null;
  }
}
