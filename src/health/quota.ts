/** The quota a provider says it has left for us, learned from its rate-limit headers, so that nobody is sent to be refused. */
import type { QuotaKind, QuotaReading } from "../base/rate-limits.ts";

/** What one request takes. Estimates; 0 = nothing. */
export interface QuotaNeed {
  /** May take a walk over the whole request to find out. */
  readonly inputTokens: number;
  /** No less than `inputTokens`, and known without a look: enough where much of a quota is left. */
  readonly inputAtMost: number;
  readonly outputTokens: number;
}

export const NO_NEED: QuotaNeed = { inputTokens: 0, inputAtMost: 0, outputTokens: 0 };

/** Below this part of its limit a quota is near its end, and the target's share of requests shrinks with it. */
const NEAR_END = 0.1;

interface Known {
  readonly kind: QuotaKind;
  limit: number;
  remaining: number;
  /** Monotonic milliseconds. */
  readAt: number;
  resetAt: number;
}

const KINDS: readonly QuotaKind[] = ["requests", "tokens", "input_tokens", "output_tokens"];

export class LearnedQuota {
  /** One of each kind at most. */
  private readonly known: Known[] = [];

  learn(reading: QuotaReading, now: number): void {
    const { kind, limit, remaining, resetMs } = reading;
    if (!(limit > 0 && remaining >= 0 && resetMs >= 0 && Number.isFinite(limit + remaining + resetMs)))
      return;
    let quota = this.of(kind);
    if (quota === undefined) {
      quota = { kind, limit: 0, remaining: 0, readAt: 0, resetAt: 0 };
      this.known.push(quota);
    }
    quota.limit = limit;
    quota.remaining = Math.min(remaining, limit);
    quota.readAt = now;
    quota.resetAt = now + resetMs;
  }

  /** A request is being sent: what it takes is gone until the next reading says better. */
  spend(need: QuotaNeed): void {
    for (let i = 0; i < this.known.length; i++) {
      const quota = this.known[i] as Known;
      const left = quota.remaining - needOf(quota.kind, need.inputAtMost, need);
      // Nobody looks closely at a quota of which much is left, and the answer's own headers tell it anew.
      quota.remaining =
        left >= quota.limit * NEAR_END
          ? left
          : Math.max(0, quota.remaining - needOf(quota.kind, need.inputTokens, need));
    }
  }

  /**
   * When the target can take this request; `now` or earlier means it can. The reset is the time to a *full* refill,
   * so what is needed is there after `(reset - now) * need / (limit - remaining)`.
   */
  readyAt(need: QuotaNeed, now: number): number {
    let ready = 0;
    for (let i = this.known.length - 1; i >= 0; i--) {
      const quota = this.known[i] as Known;
      if (now >= quota.resetAt) {
        this.known.splice(i, 1);
        continue;
      }
      if (needOf(quota.kind, need.inputAtMost, need) <= quota.remaining) continue;
      const wanted = needOf(quota.kind, need.inputTokens, need);
      if (wanted <= quota.remaining) continue;
      const wait = ((quota.resetAt - quota.readAt) * wanted) / (quota.limit - quota.remaining);
      ready = Math.max(ready, Math.min(quota.resetAt, quota.readAt + wait));
    }
    return ready;
  }

  /** Factor on the target's weight, in (0, 1]: shrinks in proportion once less than a tenth of a quota is left. */
  share(now: number): number {
    let share = 1;
    for (let i = 0; i < this.known.length; i++) {
      const quota = this.known[i] as Known;
      if (now >= quota.resetAt) continue;
      const span = quota.resetAt - quota.readAt;
      const refilled = span > 0 ? ((quota.limit - quota.remaining) * (now - quota.readAt)) / span : 0;
      share = Math.min(share, (quota.remaining + refilled) / (quota.limit * NEAR_END));
    }
    return Math.max(share, 0.001);
  }

  /** Requests and tokens left as last read, for `/status`. */
  record(now: number): QuotaReading[] {
    const out: QuotaReading[] = [];
    for (const kind of KINDS) {
      const quota = this.of(kind);
      if (quota === undefined || now >= quota.resetAt) continue;
      out.push({ kind, limit: quota.limit, remaining: quota.remaining, resetMs: quota.resetAt - now });
    }
    return out;
  }

  clear(): void {
    this.known.length = 0;
  }

  private of(kind: QuotaKind): Known | undefined {
    for (let i = 0; i < this.known.length; i++) if (this.known[i]?.kind === kind) return this.known[i];
    return undefined;
  }
}

function needOf(kind: QuotaKind, input: number, { outputTokens }: QuotaNeed): number {
  switch (kind) {
    case "requests":
      return 1;
    case "tokens":
      return input + outputTokens;
    case "input_tokens":
      return input;
    case "output_tokens":
      return outputTokens;
  }
}
