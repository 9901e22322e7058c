/** All target states by identity: configured targets survive a reload, names that callers make up live in a bounded LRU. */
import type { Random } from "../base/clock.ts";
import { LruMap } from "../base/lru-map.ts";
import type { HealthOptions } from "./options.ts";
import { type HealthRecord, recordOf, restoreInto } from "./snapshot.ts";
import { TargetHealth } from "./target-health.ts";

/** States kept for `provider/<anything>` targets that no configuration names. */
const MADE_UP_TARGETS = 256;

export class HealthRegistry {
  private configured = new Map<string, TargetHealth>();
  private readonly madeUp: LruMap<TargetHealth>;

  constructor(
    private options: HealthOptions,
    private readonly random: Random,
    madeUpCapacity: number = MADE_UP_TARGETS,
  ) {
    this.madeUp = new LruMap(madeUpCapacity, Number.POSITIVE_INFINITY, (health) => health.close());
  }

  /**
   * A configuration takes effect. Identities it still holds keep their state, the others are dropped with their
   * observers. Identity = provider name, base URL, model and a hash of the credential.
   */
  configure(identities: Iterable<string>, options: HealthOptions, now: number): void {
    this.options = options;
    const kept = new Map<string, TargetHealth>();
    for (const identity of identities) {
      const health = this.configured.get(identity) ?? this.promote(identity, now);
      health.options = options;
      kept.set(identity, health);
    }
    for (const [identity, health] of this.configured) {
      if (!kept.has(identity)) health.close();
    }
    for (const health of this.madeUp.values()) health.options = options;
    this.configured = kept;
  }

  /** The state of a target, made when it is not there; a name that is not configured goes to the bounded part. */
  of(identity: string, now: number): TargetHealth {
    const known = this.configured.get(identity) ?? this.madeUp.get(identity, now);
    if (known !== undefined) return known;
    const made = new TargetHealth(this.options, this.random);
    this.madeUp.set(identity, made, now);
    return made;
  }

  /** The configured targets, in the order of the configuration. */
  entries(): IterableIterator<[string, TargetHealth]> {
    return this.configured.entries();
  }

  get madeUpCount(): number {
    return this.madeUp.size;
  }

  /** The wall clock jumped: certificates that seemed expired or not yet valid are worth another look. */
  clockJumped(): void {
    for (const health of this.all()) health.clockWrong = false;
  }

  /** Drain: ends every observer. */
  close(): void {
    for (const health of this.all()) health.close();
  }

  /** Everything worth keeping over a restart; plain JSON data. */
  record(now: number, wall: number): Record<string, HealthRecord> {
    const records: Record<string, HealthRecord> = {};
    for (const [identity, health] of this.configured) records[identity] = recordOf(health, now, wall);
    return records;
  }

  /** Takes what `record` gave, after `configure`. Unknown targets and malformed records are ignored, one by one. */
  restore(records: unknown, now: number, wall: number): void {
    if (typeof records !== "object" || records === null) return;
    for (const [identity, record] of Object.entries(records)) {
      const health = this.configured.get(identity);
      if (health !== undefined) restoreInto(health, record, now, wall);
    }
  }

  private promote(identity: string, now: number): TargetHealth {
    const madeUp = this.madeUp.get(identity, now);
    if (madeUp !== undefined) {
      this.madeUp.delete(identity);
      return madeUp;
    }
    return new TargetHealth(this.options, this.random);
  }

  private *all(): IterableIterator<TargetHealth> {
    yield* this.configured.values();
    yield* this.madeUp.values();
  }
}
