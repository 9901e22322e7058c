/** The parts of an answer that need care on their way to a Gemini client: calls and signatures. */
import type { Signature, Stop } from "../neutral.ts";
import { encodeCarrier, type Origin } from "../signature-carrier.ts";

export interface GeminiCall {
  readonly id: string;
  readonly name: string;
  /** Ready for the wire: `encodeSignature`. */
  signature?: string;
}

/** A `functionCall` part with the arguments' JSON text as it came. */
export function callJson(call: GeminiCall, args: string): string {
  const signature =
    call.signature === undefined ? "" : `,"thoughtSignature":${JSON.stringify(call.signature)}`;
  return `{"functionCall":{"id":${JSON.stringify(call.id)},"name":${JSON.stringify(call.name)},"args":${args}}${signature}}`;
}

/** Google's own signature as it is; another vendor's in a carrier, as base64, which `thoughtSignature` must be. */
export function encodeSignature(signature: Signature, origin: Origin): string {
  if (signature.vendor === "google") return signature.value;
  return Buffer.from(encodeCarrier(origin, [signature])).toString("base64");
}

/** A call cut short by `length` is simply missing; any other broken one must not pass for an answer. */
export function settleBroken(stop: Stop, broken: boolean): Stop {
  if (!broken || stop.reason === "length" || stop.reason === "context_full" || stop.reason === "pause")
    return stop;
  return { reason: "broken_call", detail: "the model's tool call is not a JSON object" };
}
