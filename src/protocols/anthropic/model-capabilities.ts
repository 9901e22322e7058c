/** Reads what Anthropic's `GET /v1/models` says of each model (40-protocols 1.0). */
import { isObject } from "../json-value.ts";
import type { Capability } from "../protocol.ts";

/** Models beyond this are not kept. */
const MAX_MODELS = 1000;
const EFFORTS = ["low", "medium", "high", "xhigh", "max"];

/** Model id -> what it takes; models of which nothing is said are left out. Throws where it is no such list. */
export function readModelCapabilities(doc: unknown): Map<string, Capability> {
  const data = isObject(doc) ? doc.data : undefined;
  if (!Array.isArray(data)) throw new Error("it is no list of models");
  const found = new Map<string, Capability>();
  for (const model of data.slice(0, MAX_MODELS)) {
    if (!isObject(model) || typeof model.id !== "string") continue;
    const capability = readModel(model);
    if (Object.keys(capability).length > 0) found.set(model.id, capability);
  }
  return found;
}

/** A model's word under the name a target has for it: ids are dated, targets often name the model without a date. */
export function capabilityNamed(models: ReadonlyMap<string, Capability>, name: string): Capability | null {
  const exact = models.get(name);
  if (exact !== undefined) return exact;
  for (const [id, capability] of models) {
    if (id.length === name.length + 9 && id.startsWith(name) && /^-\d{8}$/.test(id.slice(name.length)))
      return capability;
  }
  return null;
}

function readModel(model: Record<string, unknown>): Capability {
  const says = isObject(model.capabilities) ? model.capabilities : {};
  const maxTokens = positive(model.max_tokens);
  const maxInputTokens = positive(model.max_input_tokens);
  const jsonSchema = supported(says.structured_outputs);
  const images = supported(says.image_input);
  const thinkingTypes = readThinking(says.thinking);
  const effortLevels = readEffort(says.effort);
  return {
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(maxInputTokens === undefined ? {} : { maxInputTokens }),
    ...(jsonSchema === undefined ? {} : { jsonSchema }),
    ...(images === undefined ? {} : { images }),
    ...(thinkingTypes === undefined ? {} : { thinkingTypes }),
    ...(effortLevels === undefined ? {} : { effortLevels }),
  };
}

function readThinking(thinking: unknown): string[] | undefined {
  if (!isObject(thinking)) return undefined;
  if (supported(thinking) === false) return ["disabled"];
  const { types } = thinking;
  if (!isObject(types)) return undefined;
  const taken = Object.keys(types).filter((type) => supported(types[type]) === true);
  // Servers that do not list it at all have not said that it is refused.
  return "disabled" in types ? taken : [...taken, "disabled"];
}

function readEffort(effort: unknown): string[] | undefined {
  if (!isObject(effort)) return undefined;
  if (supported(effort) === false) return [];
  const levels = EFFORTS.filter((level) => supported(effort[level]) === true);
  return levels.length === 0 ? undefined : levels;
}

function supported(value: unknown): boolean | undefined {
  return isObject(value) && typeof value.supported === "boolean" ? value.supported : undefined;
}

function positive(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
