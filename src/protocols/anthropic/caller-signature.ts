/** What stands in `signature` of a thinking block for an Anthropic caller (40-protocols 1.7). */
import type { Signature } from "../neutral.ts";
import type { AnswerContext } from "../protocol.ts";
import { encodeCarrier } from "../signature-carrier.ts";

/** Anthropic's own signature as it is; a carrier for other vendors', also where there was none at all. */
export function callerSignature(context: AnswerContext, signatures: readonly Signature[]): string {
  const only = signatures.length === 1 ? signatures[0] : undefined;
  if (only !== undefined && only.vendor === "anthropic" && only.redacted !== true) return only.value;
  return encodeCarrier(context.origin, signatures);
}
