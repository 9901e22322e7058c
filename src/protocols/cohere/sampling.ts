/** Sampling of both Cohere versions: the same names, the same ranges. */
import { badRequest } from "../../base/failure.ts";
import { type JsonObject, readBoolean, readList, readNumber } from "../json-value.ts";
import type { ChatRequest } from "../neutral.ts";
import type { ConvertContext } from "../protocol.ts";
import { MAX_STOPS } from "./types.ts";

type Sampling = ChatRequest["sampling"];
type NumberKey = "max" | "temperature" | "topP" | "topK" | "seed" | "presence" | "frequency";

export function decodeSampling(body: JsonObject): Sampling {
  const sampling: Sampling = {};
  const number = (name: string, key: NumberKey) => {
    const value = readNumber(body, name);
    if (value !== undefined) sampling[key] = value;
  };
  number("max_tokens", "max");
  number("temperature", "temperature");
  number("p", "topP");
  number("k", "topK");
  number("seed", "seed");
  number("presence_penalty", "presence");
  number("frequency_penalty", "frequency");
  const logprobs = readBoolean(body, "logprobs");
  if (logprobs !== undefined) sampling.logprobs = logprobs;
  const stop = readList(body, "stop_sequences");
  if (stop !== undefined) sampling.stop = stop.filter((text) => typeof text === "string");
  return sampling;
}

/** Puts the sampling into `body`: out of range is clamped and told, what Cohere has no word for is dropped and told. */
export function encodeSampling(
  sampling: Sampling,
  body: Record<string, unknown>,
  context: ConvertContext,
): void {
  if (sampling.n !== undefined && sampling.n > 1)
    throw badRequest("this target gives one answer only: n must be 1", "unsupported_parameter", "n");
  const set = (name: string, value: number | undefined, least: number, most: number) => {
    if (value === undefined) return;
    const clamped = Math.min(most, Math.max(least, value));
    if (clamped !== value) context.warn(`${name}_clamped`, name);
    body[name] = clamped;
  };
  set("max_tokens", sampling.max, 1, Number.MAX_SAFE_INTEGER);
  set("temperature", sampling.temperature, 0, context.capability.temperatureMax ?? Number.MAX_VALUE);
  // 1 is everybody's "off", and no news when it becomes 0.99.
  if (sampling.topP === 1) body.p = 0.99;
  else set("p", sampling.topP, 0.01, 0.99);
  set("k", sampling.topK === undefined ? undefined : Math.round(sampling.topK), 0, 500);
  set("presence_penalty", sampling.presence, 0, 1);
  set("frequency_penalty", sampling.frequency, 0, 1);
  if (sampling.seed !== undefined) body.seed = sampling.seed;
  if (sampling.logitBias !== undefined) context.warn("unsupported_sampling", "logit_bias");
  const stop = sampling.stop ?? [];
  if (stop.length > 0) body.stop_sequences = stop.slice(0, MAX_STOPS);
}
