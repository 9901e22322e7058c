/** Whether the way to the internet is there at all: a dead uplink is not the fault of every provider behind it. Pure: events in, decisions out. */

/** How long one connect of a check, or while down, may take. */
export const WAN_CONNECT_TIMEOUT = 2_000;
/** Between the starts of two background connects while down. */
const WAN_RETRY = 5_000;
/** Origins asked by one check. */
const CHECKED_ORIGINS = 3;

export type WanState = "up" | "checking" | "down";

/**
 * `check`: connect to `origins` in parallel, report each by `checked`, and hold this failure back until the check has
 * ended: up = settle it as it is, down = discard it. `discard`: no verdict about the target. `count`: as any failure.
 */
export type WanDecision =
  | { readonly action: "check"; readonly origins: readonly string[] }
  | { readonly action: "discard" }
  | { readonly action: "count" };

const COUNT: WanDecision = { action: "count" };
const DISCARD: WanDecision = { action: "discard" };

/** One for the gateway. Origins are the connection pool's keys of non-private providers. `now` is monotonic. */
export class Wan {
  private current: WanState = "up";
  private pending = 0;
  private origins: readonly string[] = [];
  private turn = 0;
  private connecting = false;
  private nextConnectAt = 0;
  private foundUpAt = Number.NEGATIVE_INFINITY;
  /** Monotonic time of the last change between up and down. */
  changedAt = 0;

  get state(): WanState {
    return this.current;
  }

  get isDown(): boolean {
    return this.current === "down";
  }

  /**
   * A connect timeout, an unreachable network or a DNS failure of a non-private target. Without another public origin
   * in `origins` nothing can be told, and the failure counts.
   */
  failed(now: number, origin: string, origins: readonly string[]): WanDecision {
    if (this.current !== "up") return DISCARD;
    if (now - this.foundUpAt < WAN_RETRY) return COUNT;
    const others = origins.filter((other) => other !== origin).slice(0, CHECKED_ORIGINS);
    if (others.length === 0) return COUNT;
    this.current = "checking";
    this.pending = others.length;
    this.origins = [...others, origin];
    return { action: "check", origins: others };
  }

  /** One connect of the check has ended; a refusal is an answer. The state after it. */
  checked(now: number, reachable: boolean): WanState {
    if (this.current !== "checking") return this.current;
    this.pending--;
    if (reachable) this.foundUp(now);
    else if (this.pending <= 0) this.goDown(now);
    return this.current;
  }

  /** Any answer of a non-private target, at any time: the way is there. */
  answered(now: number): void {
    if (this.current !== "up") this.foundUp(now);
  }

  /** While down: the origin of the background connect that is due, started by this call; null = not now. */
  dueConnect(now: number): string | null {
    return now >= this.nextConnectAt ? this.joinConnect(now) : null;
  }

  /**
   * While down, for a request that has no private target: the origin to connect to, started by this call; null when a
   * connect runs already, whose end it shares.
   */
  joinConnect(now: number): string | null {
    if (this.current !== "down" || this.connecting) return null;
    this.connecting = true;
    this.nextConnectAt = now + WAN_RETRY;
    const origin = this.origins[this.turn % this.origins.length] ?? null;
    this.turn++;
    return origin;
  }

  /** Monotonic time of the next background connect. */
  get connectDueAt(): number {
    return this.nextConnectAt;
  }

  /** The connect begun by `dueConnect` or `joinConnect` has ended. The state after it. */
  connected(now: number, reachable: boolean): WanState {
    this.connecting = false;
    if (reachable && this.current === "down") this.foundUp(now);
    return this.current;
  }

  /** A new configuration: an origin that is gone is asked no more; without any the state ends. */
  configure(now: number, origins: readonly string[]): void {
    if (this.current === "up") return;
    this.origins = this.origins.filter((origin) => origins.includes(origin));
    if (this.origins.length === 0) this.foundUp(now);
  }

  private foundUp(now: number): void {
    if (this.current === "down") this.changedAt = now;
    // A check that found the way open need not be repeated for the next failure of the same dead host.
    else this.foundUpAt = now;
    this.current = "up";
  }

  private goDown(now: number): void {
    this.current = "down";
    this.changedAt = now;
    this.connecting = false;
    this.nextConnectAt = now + WAN_RETRY;
  }
}
