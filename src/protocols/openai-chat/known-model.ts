/** What is asked of a model's name with every request, worked out once for each name. */
import { isReasoningModel } from "./dialects.ts";

export interface KnownModel {
  /** The name as JSON. */
  readonly json: string;
  readonly bytes: Buffer;
  /** What stands between its quotes. */
  readonly escaped: string;
  /** One of OpenAI's reasoning models. */
  readonly reasons: boolean;
}

/** Names remembered; more of them start anew. */
const REMEMBERED = 256;
const known = new Map<string, KnownModel>();

export function knownModel(model: string): KnownModel {
  const found = known.get(model);
  if (found !== undefined) return found;
  const json = JSON.stringify(model);
  const made = {
    json,
    bytes: Buffer.from(json),
    escaped: json.slice(1, -1),
    reasons: isReasoningModel(model),
  };
  if (known.size >= REMEMBERED) known.clear();
  known.set(model, made);
  return made;
}
