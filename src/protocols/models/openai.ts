/** `GET /v1/models` and `/v1/models/{id}` in OpenAI's shape. */
import type { ModelEntry } from "./model-entry.ts";

export function writeOpenaiModels(entries: readonly ModelEntry[]): string {
  return JSON.stringify({ object: "list", data: entries.map(toOpenai) });
}

export function writeOpenaiModel(entry: ModelEntry): string {
  return JSON.stringify(toOpenai(entry));
}

function toOpenai(entry: ModelEntry) {
  return { id: entry.id, object: "model", created: entry.created, owned_by: entry.owner };
}
