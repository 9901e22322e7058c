/** Implicit stickiness: conversations go back to the target that answered them last, where their prompt cache is. */
import { LruMap } from "../base/lru-map.ts";

const STICKY_SESSIONS = 4096;
const STICKY_IDLE = 600_000;

export interface StickyNote {
  readonly target: string;
  /** Better targets (by a preferential strategy) that were unusable when the note was made. */
  readonly missed: readonly string[];
}

export class Stickiness {
  private readonly notes: LruMap<StickyNote>;

  constructor(capacity: number = STICKY_SESSIONS, idleMs: number = STICKY_IDLE) {
    this.notes = new LruMap(capacity, idleMs);
  }

  /** A request of the session was finished by `target`; `missed` from `RouteOrder.missed`. */
  note(key: string, target: string, missed: readonly string[], now: number): void {
    if (key !== "") this.notes.set(key, { target, missed }, now);
  }

  /**
   * The target noted for the session; undefined = none. A note lapses once a target it was made for want of is
   * usable again.
   */
  target(key: string, now: number, isUsable: (target: string) => boolean): string | undefined {
    if (key === "") return undefined;
    const note = this.notes.get(key, now);
    if (note === undefined) return undefined;
    if (note.missed.some(isUsable)) {
      this.notes.delete(key);
      return undefined;
    }
    return note.target;
  }

  get size(): number {
    return this.notes.size;
  }
}
