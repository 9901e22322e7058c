/** Nothing is usable: whom to ask all the same, whom to wait for, or what to answer (30-routing.md, Nothing usable). */
import { Failure } from "../base/failure.ts";
import { nothingUsable } from "../routing/nothing-usable.ts";
import type { Walk } from "./walk.ts";

/** Callers that may wait for one target; the next ones are refused at once. */
const MAX_WAITERS = 1024;
/** How often a caller that waits for somebody else's probe looks again. */
const PROBE_POLL_MS = 50;

export class LastResort {
  readonly #walk: Walk;
  /** The target this caller stands in line for. */
  #line: string | null = null;
  #waitedMs = 0;
  /** Since when it has waited for somebody else's probe; -1 = it does not. */
  #probeSince = -1;

  constructor(walk: Walk) {
    this.#walk = walk;
  }

  seek(): void {
    const walk = this.#walk;
    if (walk.over) return;
    const { core, candidates, request, record } = walk;
    const now = core.time.clock.now();
    if (this.#awaitUplink()) return;
    const all = request.targets
      .map((_, index) => index)
      .filter((index) => request.issuer < 0 || index === request.issuer);
    const order = walk.state.strategy.order(candidates.routes, all, candidates.context(now), false);
    const patience = Math.max(0, (record.alias?.retry.retryAfterMax ?? 3000) - this.#waitedMs);
    const resort = nothingUsable(
      candidates.states(now),
      order,
      candidates.given,
      candidates.limited,
      now,
      patience,
    );
    switch (resort.action) {
      case "ask":
        if (!candidates.order.includes(resort.index)) candidates.order.push(resort.index);
        walk.launch(
          resort.index,
          resort.as === "probe" ? "probe" : "plain",
          resort.as === "anyway" ? "anyway" : "turn",
        );
        return;
      case "wait":
        if (resort.for === "probe" && this.#mayAskBeside(resort.index, now)) {
          walk.launch(resort.index, "plain", "beside_probe");
          return;
        }
        this.#waitFor(resort.index, resort.for, resort.until, now);
        return;
      case "refuse":
        this.#refuse(resort.rateLimited, resort.until - now);
    }
  }

  leaveLine(): void {
    if (this.#line !== null) this.#walk.core.leaveLine(this.#line);
    this.#line = null;
  }

  /** True: whether the internet is there is found out first. */
  #awaitUplink(): boolean {
    const { core, request, failed } = this.#walk;
    const { uplink } = core;
    if (request.targets.some((target) => target.provider.private)) return false;
    // Failures that may be the uplink's are not this caller's answer before that is known.
    if (uplink.wan.state === "checking" && failed.wanSign) {
      uplink.whenKnown(() => this.seek());
      return true;
    }
    if (!uplink.wan.isDown) return false;
    uplink.await((reachable) => {
      if (this.#walk.over) return;
      if (reachable) this.seek();
      else this.#walk.finish(WAN_DOWN);
    });
    return true;
  }

  /**
   * A probe that was sent before its target came back may hang to its own deadline: who has waited `first_token` for it
   * asks beside it, once, and inside the retry budget, so that those who wait do not come all together.
   */
  #mayAskBeside(index: number, now: number): boolean {
    if (this.#probeSince < 0) this.#probeSince = now;
    const { candidates, sends } = this.#walk;
    const { firstToken } = candidates.target(index).timeouts;
    return now - this.#probeSince >= firstToken && sends.takeBudget(index, now);
  }

  #waitFor(index: number, what: "probe" | "cooldown", until: number, now: number): void {
    const { core, candidates, waits } = this.#walk;
    const { identity } = candidates.target(index);
    if (this.#line !== identity) {
      this.leaveLine();
      if (!core.joinLine(identity, MAX_WAITERS)) {
        this.#refuse(what === "cooldown", until - now);
        return;
      }
      this.#line = identity;
    }
    const ms = what === "probe" ? PROBE_POLL_MS : Math.max(1, until - now);
    if (what === "cooldown") this.#waitedMs += ms;
    waits.start(ms, () => this.seek());
  }

  #refuse(rateLimited: boolean, waitMs: number): void {
    if (this.#walk.failed.any) this.#walk.giveUp();
    else this.#walk.finish(noTarget(rateLimited, waitMs));
  }
}

const WAN_DOWN = new Failure(
  "overloaded",
  "the internet connection of this gateway is down, and the alias has no target on the own network",
  { code: "wan_down", retryAfterMs: 5000 },
);

function noTarget(rateLimited: boolean, waitMs: number): Failure {
  const retryAfterMs = Number.isFinite(waitMs) ? Math.max(1000, waitMs) : 30_000;
  const when = Number.isFinite(waitMs)
    ? `; the first is back in about ${Math.ceil(retryAfterMs / 1000)} s`
    : "";
  return rateLimited
    ? new Failure("rate_limit", `all targets are rate limited${when}`, {
        code: "rate_limit_exceeded",
        retryAfterMs,
      })
    : new Failure("overloaded", `no target can be asked now${when}`, { code: "no_target", retryAfterMs });
}
