/** Whether one request asks the same target again after a failure, and how many sends it has at all. */

/** `[retry].max_attempts`: "auto" = targets + 1, at least 4. */
export function maxAttempts(configured: number | "auto", targets: number): number {
  return configured === "auto" ? Math.max(4, targets + 1) : configured;
}

/** A blip is repeated where the caller's model and prompt cache are; a target that failed just before is not asked twice. */
const SOUND_SUCCESS = 0.9;

export interface SecondSend {
  /** From the verdict: `corrected` is the one 4xx that is asked again without what was refused. */
  readonly sameTarget: "no" | "once" | "after_wait" | "corrected";
  /** The failure counts for averages and circuit. */
  readonly counts: boolean;
  /** Success average of the target before this failure. */
  readonly successBefore: number;
  /** Sends to this target so far in this request, corrected ones left out. */
  readonly sendsToTarget: number;
  readonly perTarget: number;
  /** A corrected send to this target was made already. */
  readonly corrected: boolean;
  /** Sends of this request so far, all targets. */
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Usable targets this request has not asked yet: each keeps an attempt. */
  readonly unasked: number;
  /** The target was asked for want of anything better: once, no second send. */
  readonly anyway: boolean;
}

/** What allows it: `budget` = when the retry budget gives one, `free` = the corrected send needs none. */
export function secondSend(facts: SecondSend): "no" | "budget" | "free" {
  if (facts.sameTarget === "no" || facts.attempts + 1 + facts.unasked > facts.maxAttempts) return "no";
  if (facts.sameTarget === "corrected") return facts.corrected ? "no" : "free";
  if (facts.anyway || facts.sendsToTarget >= facts.perTarget) return "no";
  if (facts.counts && facts.successBefore < SOUND_SUCCESS) return "no";
  return "budget";
}
