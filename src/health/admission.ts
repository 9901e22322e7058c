/** Whether a target may be asked now, and if not, why and until when. */

export type OutReason =
  | "offline" // by hand
  | "clock" // its certificate seems expired or not yet valid while our clock is not to be trusted
  | "benched"
  | "cooling" // a rate limit
  | "open" // circuit open, the wait is running
  | "probing" // half-open, the one probe is in flight
  | "suspect" // an observer waits for its content
  | "quota"; // what it has left cannot take this request

export type Admission = { readonly state: "usable" } | { readonly state: "probe" } | Out;

export interface Out {
  readonly state: "out";
  readonly reason: OutReason;
  /** Monotonic milliseconds; Infinity when no time is known. */
  readonly until: number;
  /** Open or probing: the last failure came within 2 s, asking again costs little. */
  readonly quick: boolean;
  /** The probe permit is taken. */
  readonly probing: boolean;
}

export const USABLE: Admission = Object.freeze({ state: "usable" });
export const PROBE: Admission = Object.freeze({ state: "probe" });

export function out(reason: OutReason, until: number, quick = false, probing = false): Out {
  return { state: "out", reason, until, quick, probing };
}
