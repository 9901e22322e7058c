/** Implicit stickiness: conversations go back to the target that answered them last, where their prompt cache is. */
import { LruMap } from "../base/lru-map.ts";
import type { SessionKey } from "./session-key.ts";

const STICKY_SESSIONS = 4096;
const STICKY_IDLE = 600_000;

export interface StickyNote {
  readonly target: string;
  /** Better targets (by a preferential strategy) that were unusable when the note was made. */
  readonly missed: readonly string[];
  readonly session: SessionKey;
}

export class Stickiness {
  private readonly notes: LruMap<StickyNote, number>;

  constructor(capacity: number = STICKY_SESSIONS, idleMs: number = STICKY_IDLE) {
    this.notes = new LruMap(capacity, idleMs);
  }

  /** A request of the session was finished by `target`; `missed` from `RouteOrder.missed`. */
  note(session: SessionKey, target: string, missed: readonly string[], now: number): void {
    this.notes.set(session.hash, { target, missed, session }, now);
  }

  /**
   * The target noted for the session; undefined = none. A note lapses once a target it was made for want of is
   * usable again.
   */
  target(session: SessionKey, now: number, isUsable: (target: string) => boolean): string | undefined {
    const note = this.notes.get(session.hash, now);
    if (note === undefined || !isSame(note.session, session)) return undefined;
    if (note.missed.some(isUsable)) {
      this.notes.delete(session.hash);
      return undefined;
    }
    return note.target;
  }

  get size(): number {
    return this.notes.size;
  }
}

/** Of two that share a hash the later one is remembered: no other has its note. */
function isSame(a: SessionKey, b: SessionKey): boolean {
  return a.check === b.check && a.hash === b.hash && a.caller === b.caller;
}
