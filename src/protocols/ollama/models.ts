/** Answers of `/api/tags`, `/api/show`, `/api/ps` and `/api/version`. */
import { createHash } from "node:crypto";
import type { ModelEntry } from "../models/model-entry.ts";
import { encodeDate } from "./types.ts";

/** New enough for tools, thinking levels and structured output in clients that look. */
const VERSION = "0.12.6";

/** How long a model is said to stay loaded, seconds. */
const LOADED_FOR = 300;

export function writeTags(entries: readonly ModelEntry[]): string {
  return JSON.stringify({ models: entries.map(toModel) });
}

/** `seconds` since 1970. */
export function writePs(entries: readonly ModelEntry[], seconds: number): string {
  return JSON.stringify({
    models: entries.map((entry) => ({
      ...toModel(entry),
      expires_at: encodeDate(seconds + LOADED_FOR),
      size_vram: 0,
      ...(entry.contextTokens === undefined ? {} : { context_length: entry.contextTokens }),
    })),
  });
}

export function writeShow(entry: ModelEntry): string {
  const context = entry.contextTokens === undefined ? {} : { "sluice.context_length": entry.contextTokens };
  return JSON.stringify({
    license: "",
    modelfile: "",
    parameters: "",
    template: "",
    system: "",
    details: detailsOf(entry),
    model_info: { "general.architecture": "sluice", "general.basename": entry.id, ...context },
    capabilities: capabilitiesOf(entry),
    modified_at: encodeDate(entry.created),
  });
}

export function writeVersion(): string {
  return JSON.stringify({ version: VERSION });
}

function capabilitiesOf(entry: ModelEntry): string[] {
  if (entry.kind !== "chat") return entry.kind === "embedding" ? ["embedding"] : [];
  const capabilities = ["completion"];
  // Tools are the rule: only what is known to lack them says so. The rest must be known.
  if (entry.tools !== false) capabilities.push("tools");
  if (entry.vision === true) capabilities.push("vision");
  if (entry.thinking === true) capabilities.push("thinking");
  return capabilities;
}

function toModel(entry: ModelEntry) {
  return {
    name: entry.id,
    model: entry.id,
    modified_at: encodeDate(entry.created),
    size: 0,
    digest: createHash("sha256").update(entry.id).digest("hex"),
    details: detailsOf(entry),
  };
}

function detailsOf(entry: ModelEntry) {
  return {
    parent_model: "",
    format: "api",
    family: entry.owner,
    families: [entry.owner],
    parameter_size: "",
    quantization_level: "",
  };
}
