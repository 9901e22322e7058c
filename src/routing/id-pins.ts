/** Ids that only one provider knows (responses, files, containers): who issued them, as far as is remembered. */
import { LruMap } from "../base/lru-map.ts";

/** Ids remembered; the oldest unused one goes first. */
const PINNED_IDS = 4096;
/** Longer ids are none of a vendor's. */
const MAX_ID = 256;

export class IdPins {
  private readonly issuers: LruMap<string>;

  constructor(capacity: number = PINNED_IDS) {
    this.issuers = new LruMap(capacity);
  }

  /**
   * `owner` is the caller it was given to: nobody else finds it by guessing or overhearing the id. `target` is the
   * identity to pin to: provider, or provider/model.
   */
  note(owner: string, id: string, target: string, now: number): void {
    if (id !== "" && id.length <= MAX_ID) this.issuers.set(`${owner}\n${id}`, target, now);
  }

  /** The issuer; undefined when it is not known (any more). */
  issuer(owner: string, id: string, now: number): string | undefined {
    return id.length > MAX_ID ? undefined : this.issuers.get(`${owner}\n${id}`, now);
  }

  /** The caller deleted the thing. */
  forget(owner: string, id: string): void {
    this.issuers.delete(`${owner}\n${id}`);
  }

  get size(): number {
    return this.issuers.size;
  }
}
