/** Endpoints of a target that are out of service for a reason waiting does not cure soon: key, credit, region, model. */

export type BenchReason = "credential" | "model";

interface Place {
  readonly until: number;
  readonly reason: BenchReason;
}

/** Endpoints come from a short list of ours; the bound guards against a caller-made one. */
const BENCHED_ENDPOINTS = 32;

export class Bench {
  private readonly places = new Map<string, Place>();

  put(endpoint: string, until: number, reason: BenchReason): void {
    if (!this.places.has(endpoint) && this.places.size >= BENCHED_ENDPOINTS) {
      for (const oldest of this.places.keys()) {
        this.places.delete(oldest);
        break;
      }
    }
    this.places.set(endpoint, { until, reason });
  }

  /** When the endpoint comes back; 0 when it is not benched. */
  until(endpoint: string, now: number): number {
    if (this.places.size === 0) return 0;
    const place = this.places.get(endpoint);
    if (place === undefined) return 0;
    if (now < place.until) return place.until;
    this.places.delete(endpoint);
    return 0;
  }

  lift(endpoint: string): void {
    if (this.places.size > 0) this.places.delete(endpoint);
  }

  clear(): void {
    this.places.clear();
  }

  /** The worst reason any endpoint is benched for now; null = none. */
  reason(now: number): BenchReason | null {
    let found: BenchReason | null = null;
    for (const place of this.places.values()) {
      if (now >= place.until) continue;
      if (place.reason === "model") return "model";
      found = place.reason;
    }
    return found;
  }

  /** `[endpoint, milliseconds left, reason]` of each place. */
  record(now: number): [string, number, BenchReason][] {
    const out: [string, number, BenchReason][] = [];
    for (const [endpoint, place] of this.places) {
      if (now < place.until) out.push([endpoint, place.until - now, place.reason]);
    }
    return out;
  }
}
