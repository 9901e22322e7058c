/** What routing must know of a target's availability. `health/admission` has this shape: rooms do not import each other. */

export type TargetState = { readonly state: "usable" } | { readonly state: "probe" } | TargetOut;

export interface TargetOut {
  readonly state: "out";
  /** As `health/admission` names them; `wan` is put in by the gateway while the uplink is down. */
  readonly reason:
    | "offline"
    | "clock"
    | "benched"
    | "cooling"
    | "open"
    | "probing"
    | "suspect"
    | "quota"
    | "wan";
  /** Monotonic milliseconds; Infinity when no time is known. */
  readonly until: number;
  /** Asking again costs little: the last failure came within 2 s. */
  readonly quick: boolean;
  /** The one probe is in flight. */
  readonly probing: boolean;
}
