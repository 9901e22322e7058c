/** The form of one line of a classification table. The first line that fits decides. */
import type { Cause } from "../failure-rows.ts";

/**
 * What to leave out when the target is asked once more: the history's thinking and signatures; thinking altogether;
 * or a member of the body (its name from `error.param`, or from the message by `member`).
 */
export type CorrectionKind = "thinking_history" | "thinking_off" | "member";

export interface Rule {
  readonly cause: Cause;
  /** One status or several; unset: any 4xx, and in-band errors without a status. */
  readonly status?: number | readonly number[];
  /** On the vendor's code or type, lower case. */
  readonly code?: RegExp;
  readonly message?: RegExp;
  /** Whether the body had the vendor's error shape. */
  readonly recognised?: boolean;
  /** Whether the request's path held an id of the caller's. */
  readonly idInPath?: boolean;
  readonly correction?: CorrectionKind;
  /** On the message; groups `member` and, optional, `place`: the path it stands at. */
  readonly member?: RegExp;
}
